// What the browser remembers: settings in localStorage, the API key only for this tab.
// A browser that forbids storage still gets a working page; it forgets when it is closed.

function storage(name) {
  const memory = new Map();
  let real = null;
  try {
    real = window[name];
    real.setItem("chatbot.probe", "1");
    real.removeItem("chatbot.probe");
  } catch {
    real = null;
  }
  return {
    get: (key) => memory.get(key) ?? real?.getItem(key) ?? null,
    set(key, value) {
      memory.delete(key);
      try {
        if (real) return real.setItem(key, value);
      } catch {
        // It is full: this value lives as long as the page, and those before it stay.
      }
      memory.set(key, value);
    },
    remove(key) {
      real?.removeItem(key);
      memory.delete(key);
    },
  };
}

export const local = storage("localStorage");
export const session = storage("sessionStorage");

export const USER_KEY = "chatbot.user_id";
export const USER_ID = /^[A-Za-z0-9_.@-]{1,50}$/;

function newUserId() {
  const bytes = crypto.getRandomValues(new Uint8Array(10));
  return `web-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** The user's settings; assigning a property stores it at once. */
export const settings = {
  get userId() {
    let id = local.get(USER_KEY);
    if (!id || !USER_ID.test(id)) {
      id = newUserId();
      local.set(USER_KEY, id);
    }
    return id;
  },
  set userId(id) {
    local.set(USER_KEY, id);
  },
  get userName() {
    return local.get("chatbot.user_name") ?? "";
  },
  set userName(name) {
    local.set("chatbot.user_name", name);
  },
  get apiKey() {
    return session.get("chatbot.api_key") ?? "";
  },
  set apiKey(key) {
    if (key) session.set("chatbot.api_key", key);
    else session.remove("chatbot.api_key");
  },
  get finish() {
    return local.get("chatbot.finish") === "1";
  },
  set finish(on) {
    local.set("chatbot.finish", on ? "1" : "0");
  },
  get forget() {
    return local.get("chatbot.forget") === "1";
  },
  set forget(on) {
    local.set("chatbot.forget", on ? "1" : "0");
  },
};

/** A stored JSON value, or the fallback when there is none or it is damaged. */
export function readJson(key, fallback, place = local) {
  try {
    return JSON.parse(place.get(key)) ?? fallback;
  } catch {
    return fallback;
  }
}

export const writeJson = (key, value, place = local) => place.set(key, JSON.stringify(value));
