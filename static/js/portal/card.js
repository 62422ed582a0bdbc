// The card page: keep the card on this phone for times without a network, until the member
// signs out.

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
