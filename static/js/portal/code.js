// A page that waits for a code. Signing in sends itself with the sixth digit; a gift is
// given by its button only. Both count down to a new code.
const form = document.querySelector("form[data-code]");
const field = form?.querySelector("[name=code]");

field?.addEventListener("input", () => {
  if (field.value.replace(/\s/g, "").length === 6) form.requestSubmit();
});

const again = document.querySelector("[data-wait]");
const ready = again?.textContent;
const until = Date.now() + Number(again?.dataset.wait) * 1000;

function count() {
  const seconds = Math.ceil((until - Date.now()) / 1000);
  again.disabled = seconds > 0;
  again.textContent = seconds > 0 ? again.dataset.waitText.replace("{seconds}", seconds) : ready;
  if (seconds > 0) setTimeout(count, 250);
}

if (again) count();
