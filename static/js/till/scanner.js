// The camera: reads one code and answers it, or nothing when the person would rather type.

const EVERY = 120;
const WIDEST = 960;
const BUZZ = 80;
const FORMATS = ["qr_code", "code_128", "code_39", "ean_13"];

async function newDetector(address) {
  if ("BarcodeDetector" in window) {
    const known = await BarcodeDetector.getSupportedFormats();
    const wanted = FORMATS.filter((format) => known.includes(format));
    if (wanted.includes("qr_code")) return new BarcodeDetector({ formats: wanted });
  }
  // Safari and others have none: ours is fetched now, and reads QR codes only.
  const library = await import(address);
  return new library.BarcodeDetector({ formats: ["qr_code"] });
}

function sentenceFor(error, say) {
  if (!navigator.mediaDevices) return say.insecure;
  if (error.name === "NotAllowedError") return say.refused;
  if (error.name === "NotFoundError" || error.name === "OverconstrainedError") return say.none;
  return say.busy;
}

async function openCamera(video) {
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: false,
    video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 720 } },
  });
  video.srcObject = stream;
  await video.play();
  return stream;
}

function offerTorch(stream, button) {
  const [track] = stream.getVideoTracks();
  button.hidden = !track.getCapabilities?.().torch;
  button.setAttribute("aria-pressed", "false");
  button.onclick = async () => {
    const isOn = button.getAttribute("aria-pressed") !== "true";
    await track.applyConstraints({ advanced: [{ torch: isOn }] });
    button.setAttribute("aria-pressed", String(isOn));
  };
}

async function look(detector, video, canvas) {
  const scale = Math.min(1, WIDEST / video.videoWidth);
  canvas.width = Math.round(video.videoWidth * scale);
  canvas.height = Math.round(video.videoHeight * scale);
  if (!canvas.width) return "";
  canvas.getContext("2d", { willReadFrequently: true }).drawImage(video, 0, 0, canvas.width, canvas.height);
  const [found] = await detector.detect(canvas);
  return found?.rawValue.trim() ?? "";
}

const pause = () => new Promise((done) => setTimeout(done, EVERY));

export async function scan(dialog) {
  const say = dialog.querySelector("[data-say]").dataset;
  const text = dialog.querySelector("[data-say]");
  const video = dialog.querySelector("video");
  const torch = dialog.querySelector("[data-torch]");
  const canvas = document.createElement("canvas");
  let stream = null;
  let code = "";
  text.textContent = say.opening;
  torch.hidden = true;
  dialog.dataset.state = "opening";
  dialog.showModal();
  try {
    stream = await openCamera(video);
    const detector = await newDetector(dialog.dataset.decoder);
    offerTorch(stream, torch);
    text.textContent = say.ready;
    dialog.dataset.state = "ready";
    while (dialog.open && !code) {
      code = await look(detector, video, canvas);
      if (!code) await pause();
    }
  } catch (error) {
    text.textContent = sentenceFor(error, say);
    dialog.dataset.state = "failed";
    if (dialog.open) await new Promise((closed) => dialog.addEventListener("close", closed, { once: true }));
  } finally {
    for (const track of stream?.getTracks() ?? []) track.stop();
    video.srcObject = null;
    dialog.close();
  }
  if (code) navigator.vibrate?.(BUZZ);
  return code;
}
