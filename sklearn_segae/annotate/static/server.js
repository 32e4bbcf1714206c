// Requests. The token is part of the address of the page, so that paths need not contain it.

export async function ask(path, options = {}) {
  const answer = await fetch(path, options);
  if (!answer.ok) {
    const { error } = await answer.json().catch(() => ({ error: answer.statusText }));
    throw new Error(error);
  }
  return answer;
}

export const bytes = async (path) => new Uint8Array(await (await ask(path)).arrayBuffer());
export const json = async (path) => (await ask(path)).json();

// Errors of fetch if no server answers.
export const isLost = (error) => error instanceof TypeError;

// Edits reach the server one after the other; each names the version that it changes.
export class Edits {
  constructor() {
    this.version = 0;
    this.unsaved = 0; // edits that the server has not confirmed
    this.last = Promise.resolve();
  }

  send(path, body = null) {
    this.unsaved += 1;
    const sent = this.last.catch(() => {}).then(async () => {
      try {
        const address = `${path}${path.includes("?") ? "&" : "?"}version=${this.version}`;
        const answer = await (await ask(address, { method: "POST", body })).json();
        this.version = answer.version;
        this.unsaved -= 1;
        return answer;
      } catch (error) {
        if (!isLost(error)) this.unsaved -= 1; // refused: the page shows the state of the server
        throw error;
      }
    });
    this.last = sent;
    return sent;
  }

  async settled() {
    await this.last.catch(() => {});
  }
}
