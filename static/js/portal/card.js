// The card page: keep the screen awake while it is shown, and keep the card on this phone
// for times without a network, until the member signs out.

const paper = document.querySelector("[data-card]");

function drawing(part) {
  const svg = paper.querySelector(`[data-part="${part}"]`);
  return svg && { box: svg.getAttribute("viewBox"), path: svg.firstElementChild.getAttribute("d") };
}

const card = {
  name: paper.dataset.name,
  number: paper.dataset.number,
  qr: drawing("qr"),
  barcode: drawing("barcode"),
};
try {
  localStorage.setItem("card", JSON.stringify(card));
} catch {
  // Private windows may refuse; the card then needs a network.
}

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
