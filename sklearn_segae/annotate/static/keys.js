// Keys. Text fields keep all of theirs, sliders and lists the arrows, buttons and links Enter.

const OWNERS = { Enter: "select, button, a, summary, input[type=color]" };
const ARROW_OWNERS = "input, select";

export function listenToKeys(keys, commands) {
  document.addEventListener("keydown", (event) => {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.target.matches("input[type=text]") || event.altKey) return;
    const act = event.ctrlKey || event.metaKey
      ? commands[(event.shiftKey ? "shift+" : "") + key] : find(event.target, key, keys);
    if (!act) return;
    event.preventDefault();
    act();
  });
}

function find(target, key, keys) {
  const owners = key.startsWith("Arrow") ? ARROW_OWNERS : OWNERS[key];
  return owners && target.matches(owners) ? undefined : keys[key];
}
