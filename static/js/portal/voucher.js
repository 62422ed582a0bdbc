// A voucher's page: keep the voucher on this phone for times without a network, as long as it
// can be used and its member is signed in; and copy a partner's code.

const MOST_KEPT = 20;
const paper = document.querySelector("[data-voucher]");
const { code, name, shown, until, ends } = paper.dataset;

function keptVouchers() {
  try {
    return JSON.parse(localStorage.getItem("vouchers")) ?? [];
  } catch {
    return [];
  }
}

function drawing() {
  const svg = paper.querySelector('[data-part="qr"]');
  return svg && { box: svg.getAttribute("viewBox"), path: svg.firstElementChild.getAttribute("d") };
}

const others = keptVouchers().filter((voucher) => voucher.code !== code);
const own = { code, name, shown, until, ends: Number(ends) || null, qr: drawing() };
const kept = "current" in paper.dataset ? [own, ...others] : others;
try {
  localStorage.setItem("vouchers", JSON.stringify(kept.slice(0, MOST_KEPT)));
} catch {
  // Private windows may refuse; the voucher then needs a network.
}

const button = paper.querySelector("[data-copy]");

async function copy() {
  await navigator.clipboard.writeText(button.dataset.copy);
  button.querySelector("span").textContent = button.dataset.copied;
  button.setAttribute("aria-live", "polite");
}

function choose() {
  const range = document.createRange();
  range.selectNodeContents(paper.querySelector("[data-copy-text]"));
  getSelection().removeAllRanges();
  getSelection().addRange(range);
}

if (button) {
  button.hidden = false;
  // Where the phone does not let us, the code is at least marked.
  button.addEventListener("click", () => copy().catch(choose));
}
