// On every page: keep the frame for times without a network, forget the card and the vouchers
// of whoever signed out, and answer a tap at once.
const { body } = document;

if (body.dataset.worker && "serviceWorker" in navigator) {
  navigator.serviceWorker.register(body.dataset.worker).catch(() => {});
}

function forgetCard() {
  try {
    localStorage.removeItem("card");
    localStorage.removeItem("vouchers");
  } catch {
    // A window that refuses this could keep nothing either.
  }
}

if ("signedOut" in body.dataset) forgetCard();

for (const form of document.querySelectorAll("form[data-forget]")) {
  form.addEventListener("submit", forgetCard);
}

for (const form of document.forms) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    event.submitter?.setAttribute("aria-busy", "true");
  });
}

// Coming back with the browser's own button must not find a form that is still "being sent".
window.addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
  for (const button of document.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
});
