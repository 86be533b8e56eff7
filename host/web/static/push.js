// Rings this browser: asks for permission, subscribes at the browser's push service, and tells the server where.
(() => {
  "use strict";
  const SUBSCRIBE_SECONDS = 20;
  const form = document.getElementById("ring");
  if (!form) return;
  const button = form.querySelector("button");
  const said = form.querySelector("[role=status]");
  const say = (words) => { said.textContent = words; };

  // Why it cannot be done here; nothing: it can.
  function hindrance() {
    if (!window.isSecureContext) return "This browser rings only for pages over HTTPS, or on this machine.";
    if (!("serviceWorker" in navigator) || !("PushManager" in window) || !("Notification" in window)) {
      return "This browser cannot be rung from a page. On a phone, add the page to the home screen and open it from there.";
    }
    if (Notification.permission === "denied") return "Notifications of this page are blocked: allow them in the browser's settings for this site.";
    return "";
  }

  function bytes(text) {
    const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, (character) => character.charCodeAt(0));
  }

  async function subscription() {
    const worker = await navigator.serviceWorker.register("/sw.js");
    await navigator.serviceWorker.ready;
    const key = bytes(form.dataset.pushKey);
    const old = await worker.pushManager.getSubscription();
    // One that was made with another key of the server never rings.
    const same = old && old.options.applicationServerKey && String(new Uint8Array(old.options.applicationServerKey)) === String(key);
    if (same) return old;
    if (old) await old.unsubscribe();
    return worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  }

  // Some browsers wait for good for a push service that is out of reach.
  function within(seconds, work) {
    const late = new Promise((_, fail) => { setTimeout(() => fail(new Error(`No answer within ${seconds} s.`)), seconds * 1000); });
    return Promise.race([work, late]);
  }

  async function ring() {
    if (await Notification.requestPermission() !== "granted") return "Not allowed, so nothing was changed. Allow notifications for this site and try again.";
    let made;
    try {
      made = await within(SUBSCRIBE_SECONDS, subscription());
    } catch (error) {
      return `This browser could not subscribe at its push service: ${error.message} Nothing was changed.`;
    }
    const system = navigator.userAgentData ? navigator.userAgentData.platform : navigator.platform;
    const body = JSON.stringify({ name: form.elements.name.value || system || "", subscription: made.toJSON() });
    const headers = { "content-type": "application/json", "x-csrf-token": form.dataset.csrf };
    const answer = await fetch("/me/browsers", { method: "POST", headers, body });
    if (answer.ok) {
      window.location.reload();
      return "This browser rings from now on.";
    }
    const problem = await answer.json().catch(() => ({}));
    return `${problem.detail || "The server did not take it."} ${problem.remedy || ""}`;
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    // It may be pressed again, unlike forms that leave the page.
    event.stopPropagation();
    button.disabled = true;
    say("…");
    const why = hindrance();
    try {
      say(why || await ring());
    } catch (error) {
      say(`That did not work: ${error.message} Try again.`);
    }
    button.disabled = false;
  });
  say(hindrance());
})();
