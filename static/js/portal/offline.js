// The page without a network: show the card that this phone keeps, if there is one.
const paper = document.querySelector("[data-offline-card]");

function keptCard() {
  try {
    return JSON.parse(localStorage.getItem("card"));
  } catch {
    return null;
  }
}

const card = keptCard();

function draw(part, drawing) {
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
  draw("qr", card.qr);
  draw("barcode", card.barcode);
  paper.hidden = false;
  document.querySelector("[data-no-card]").hidden = true;
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
