// A page that is held before a scanner: keep the screen awake while it is shown.
async function stayAwake() {
  try {
    await navigator.wakeLock?.request("screen");
  } catch {
    // A low battery may refuse; the code can be scanned all the same.
  }
}

stayAwake();
// The lock ends when the page is left; take it again when it is looked at again.
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") stayAwake();
});
