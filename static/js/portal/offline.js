// The page without a network: show the card and the vouchers that this phone keeps, and first
// the voucher that was asked for.
const paper = document.querySelector("[data-offline-card]");
const slips = document.querySelector("[data-offline-vouchers]");

function kept(name) {
  try {
    return JSON.parse(localStorage.getItem(name));
  } catch {
    return null;
  }
}

const card = kept("card");
const vouchers = (kept("vouchers") ?? []).filter(
  (voucher) => !voucher.ends || voucher.ends * 1000 > Date.now(),
);

function draw(paper, part, drawing) {
  const svg = paper.querySelector(`[data-part="${part}"]`);
  if (!drawing) {
    svg.remove();
    return;
  }
  svg.setAttribute("viewBox", drawing.box);
  svg.style.setProperty("--modules", drawing.box.split(" ")[2]);
  svg.firstElementChild.setAttribute("d", drawing.path);
}

if (card?.number) {
  paper.querySelector(".paper-name").textContent = card.name;
  paper.querySelector(".paper-number").textContent = card.number;
  draw(paper, "qr", card.qr);
  draw(paper, "barcode", card.barcode);
  paper.hidden = false;
  document.querySelector("[data-no-card]").hidden = true;
}

function isAskedFor(voucher) {
  return location.pathname.toUpperCase().endsWith(`/VOUCHERS/${voucher.code}/`);
}

for (const voucher of vouchers) {
  const slip = slips.querySelector("template").content.cloneNode(true).firstElementChild;
  slip.querySelector("[data-name]").textContent = voucher.name;
  slip.querySelector(".paper-name").textContent = voucher.name;
  slip.querySelector(".paper-code").textContent = voucher.shown;
  slip.querySelector("[data-until]").textContent = voucher.until;
  slip.querySelector(".paper-until").hidden = !voucher.until;
  draw(slip, "qr", voucher.qr);
  slip.open = isAskedFor(voucher);
  if (slip.open) paper.before(slip);
  else slips.append(slip);
  slips.hidden = false;
}

// "Online" only says that there is some network; the page comes back when the site answers.
let isAsking = false;

async function comeBack() {
  if (isAsking || location.pathname.endsWith("/offline/")) return;
  isAsking = true;
  try {
    await fetch(location.href, { method: "HEAD", cache: "no-store" });
    location.reload();
  } catch {
    setTimeout(comeBack, 3000);
  } finally {
    isAsking = false;
  }
}

window.addEventListener("online", comeBack);
setTimeout(comeBack, 3000);
