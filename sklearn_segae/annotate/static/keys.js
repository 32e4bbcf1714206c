// Keys. Text fields keep theirs, and so do sliders and lists the arrows and Enter.

export function listenToKeys(keys, arrows, commands) {
  document.addEventListener("keydown", (event) => {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.target.matches("input[type=text]") || event.altKey) return;
    const act = event.ctrlKey || event.metaKey
      ? commands[(event.shiftKey ? "shift+" : "") + key] : find(event.target, key, keys, arrows);
    if (!act) return;
    event.preventDefault();
    act();
  });
}

function find(target, key, keys, arrows) {
  const owned = target.matches("input, select, button, a, summary");
  return keys[key] ?? (owned ? undefined : arrows[key]);
}
