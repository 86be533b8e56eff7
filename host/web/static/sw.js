// Shows what wakes this browser, and answers for its owner. It keeps nothing and changes no page.
"use strict";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => {
  let page = {};
  try {
    page = event.data.json();
  } catch {
    // Whatever it was, somebody is needed: an empty notification wakes too.
  }
  const loud = page.loud !== false;
  const actions = Array.isArray(page.actions) ? page.actions.slice(0, 2) : [];
  event.waitUntil(self.registration.showNotification(page.title || "You are paged", {
    body: page.body || "",
    tag: page.tag || "",
    renotify: loud && Boolean(page.tag),
    requireInteraction: loud,
    data: { url: page.url || "/", actions, tag: page.tag || "", title: page.title || "" },
    actions: actions.map((action, index) => ({ action: String(index), title: action.text })),
  }));
});

const own = (url) => new URL(url, self.location.origin).origin === self.location.origin;

async function answer(data, action) {
  if (own(action.url)) {
    // The link answers with the way to its page, which is not followed.
    const came = await fetch(action.url, { method: "POST", credentials: "omit", redirect: "manual" }).catch(() => null);
    if (came && (came.ok || came.type === "opaqueredirect")) {
      await self.registration.showNotification(`${action.text}: done`, { body: data.title, tag: data.tag, silent: true, data: { url: data.url, actions: [] } });
      return;
    }
  }
  // It could not be done from here: the page behind it asks again, and says why.
  await self.clients.openWindow(action.url);
}

self.addEventListener("notificationclick", (event) => {
  const { data, action } = { data: event.notification.data, action: event.action };
  event.notification.close();
  const chosen = action === "" ? null : data.actions[Number(action)];
  event.waitUntil(chosen ? answer(data, chosen) : self.clients.openWindow(data.url));
});
