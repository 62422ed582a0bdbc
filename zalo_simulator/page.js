// Look every two seconds whether something new arrived, and swap only what shows messages.
let shown = version;
const thread = document.getElementById("thread");
const toBottom = () => { if (thread) thread.scrollTop = thread.scrollHeight; };
const isOld = new URLSearchParams(location.search).has("before");
// The start page keeps showing the phone it began with, whoever gets the next message.
const address = thread && !isOld ? thread.dataset.address : location.href;
if (!isOld) toBottom();
async function look() {
  try {
    const latest = (await (await fetch("/simulator/version")).json()).version;
    if (latest !== shown) {
      const text = await (await fetch(address)).text();
      const fresh = new DOMParser().parseFromString(text, "text/html");
      for (const id of ["list", "numbers", "thread", "unseen", "facts", "latest"]) {
        const here = document.getElementById(id), there = fresh.getElementById(id);
        if (here && there) here.innerHTML = there.innerHTML;
      }
      if (!thread && fresh.getElementById("thread")) location.reload();
      shown = latest;
      if (!isOld) toBottom();
    }
  } catch (error) { /* the simulator is being restarted */ }
  setTimeout(look, 2000);
}
setTimeout(look, 2000);
