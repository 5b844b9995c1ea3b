"use strict";
// Shows what the lane says, in the traveller's language. When the lane is not heard for two seconds, or
// anything goes wrong here, the page says to wait for an officer.

(() => {
  const LOST_AFTER_MS = 2000;
  const WATCH_MS = 200;
  const AGAIN_MS = 1000;
  // While filming, prompts follow the face and may change quickly: each stays long enough to be read.
  const READABLE_MS = 900;
  const CALLED_MS = 10000;
  const FILMING = new Set(["look_at_camera", "look_while_reading", "too_far", "too_near", "off_centre", "blurred", "too_dark", "too_bright", "turned", "eyes_closed", "mouth_open", "covered"]);
  const STEP = {
    place_document: 0, reading_document: 0, place_document_again: 0,
    walk_in: 1, one_person_only: 1,
    look_at_camera: 2, look_while_reading: 2, too_far: 2, too_near: 2, off_centre: 2, blurred: 2, too_dark: 2, too_bright: 2, turned: 2,
    eyes_closed: 2, mouth_open: 2, covered: 2,
    go_through: 3,
  };
  const ASIDE = new Set(["see_officer", "closed", "lost"]);
  const OVER = new Set(["go_through", "see_officer", "closed"]);

  const root = document.documentElement;
  const by = (id) => document.getElementById(id);

  let texts = null;
  let language = null;
  let shown = "";
  let shownAt = 0;
  let wanted = null;
  let step = 0;
  let over = false;
  let chosen = false;
  let guess = null;
  let heardAt = -Infinity;
  let source = null;
  let filming = false;
  let frame = 0;
  let called = 0;

  function words() {
    const [instruction, hint] = language.prompts[shown];
    by("instruction").textContent = instruction;
    by("hint").textContent = hint;
  }

  function put(prompt) {
    const pictogram = by(`pictogram-${prompt}`);
    if (!pictogram || prompt === shown) return;
    shown = prompt;
    shownAt = performance.now();
    root.dataset.prompt = prompt;
    by("pictogram").replaceChildren(pictogram.content.cloneNode(true));
    if (language) words();
    say();
    if (prompt in STEP) step = STEP[prompt];
    by("journey").classList.toggle("away", ASIDE.has(prompt));
    [...by("journey").children].forEach((item, place) => {
      item.classList.toggle("done", place < step);
      item.classList.toggle("now", place === step);
    });
  }

  // The document suggests a language until the traveller chooses one; the next traveller is met in the first again.
  function follow(prompt, suggested) {
    if (OVER.has(prompt)) over = true;
    if (over && prompt === "place_document") {
      over = false;
      chosen = false;
      speak(texts.first);
    }
    if (suggested !== guess) {
      guess = suggested;
      if (!chosen) speak(guess || texts.first);
    }
  }

  function settle() {
    if (wanted === null || wanted === shown) return;
    const both = FILMING.has(shown) && FILMING.has(wanted);
    if (!both || performance.now() - shownAt >= READABLE_MS) put(wanted);
  }

  function speak(code) {
    language = texts.languages.find((one) => one.code === code) || texts.languages[0];
    root.lang = language.code;
    root.dir = language.direction;
    by("camera-on").textContent = language.camera_on;
    by("languages").setAttribute("aria-label", language.choose);
    for (const button of by("languages").children) {
      button.setAttribute("aria-pressed", String(button.lang === language.code));
    }
    officer();
    if (shown) words();
    if (shown !== "place_document") say();
  }

  // Aloud, where the browser has a voice for the language; what was said before is cut off.
  function say() {
    if (!texts || !texts.voice || !language || !shown || !window.speechSynthesis) return;
    const voice = speechSynthesis.getVoices().find((one) => one.lang.toLowerCase().startsWith(language.code));
    speechSynthesis.cancel();
    if (!voice) return;
    const [instruction] = language.prompts[shown];
    const words = new SpeechSynthesisUtterance(instruction);
    words.voice = voice;
    words.lang = voice.lang;
    speechSynthesis.speak(words);
  }

  function officer() {
    const waiting = called !== 0;
    by("officer").setAttribute("aria-disabled", String(waiting));
    by("officer-words").textContent = waiting ? language.officer_called : language.officer;
  }

  async function call() {
    if (called !== 0) return;
    clearTimeout(called);
    called = setTimeout(() => { called = 0; officer(); }, CALLED_MS);
    officer();
    try {
      const answer = await fetch("/officer", { method: "POST", headers: { "x-egate-screen": "1" } });
      if (!answer.ok) throw new Error(answer.status);
    } catch {
      clearTimeout(called);
      called = 0;
      officer();
    }
  }

  function live(on) {
    root.dataset.live = on ? "on" : "off";
    by("live").hidden = !on;
    if (on && !filming) {
      filming = true;
      film();
    }
    if (!on) {
      filming = false;
      const canvas = by("picture");
      canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
    }
  }

  async function film() {
    while (filming) {
      try {
        const answer = await fetch(`/live.jpg?after=${frame}`);
        if (answer.status === 200) {
          frame = Number(answer.headers.get("x-frame"));
          const picture = await createImageBitmap(await answer.blob());
          if (!filming) break;
          const canvas = by("picture");
          if (canvas.width !== picture.width || canvas.height !== picture.height) {
            canvas.width = picture.width;
            canvas.height = picture.height;
          }
          canvas.getContext("2d").drawImage(picture, 0, 0);
          picture.close();
          canvas.dataset.frame = String(frame);
        }
      } catch {
        await new Promise((wake) => setTimeout(wake, WATCH_MS));
      }
    }
  }

  function listen() {
    if (source) source.close();
    source = new EventSource("/events");
    source.addEventListener("state", (event) => {
      const state = JSON.parse(event.data);
      heardAt = performance.now();
      follow(state.prompt, state.language);
      wanted = state.prompt;
      settle();
      live(state.live === true);
    });
  }

  function watch() {
    if (performance.now() - heardAt > LOST_AFTER_MS) {
      wanted = "lost";
      live(false);
      put("lost");
      if (source.readyState === EventSource.CLOSED) listen();
    }
    settle();
  }

  async function start() {
    try {
      texts = await (await fetch("/texts.json")).json();
    } catch {
      setTimeout(start, AGAIN_MS);
      return;
    }
    by("languages").replaceChildren(...texts.languages.map((one) => {
      const button = document.createElement("button");
      button.type = "button";
      button.lang = one.code;
      button.dir = one.direction;
      button.textContent = one.name;
      button.addEventListener("click", () => { chosen = true; speak(one.code); });
      return button;
    }));
    by("officer").addEventListener("click", call);
    speak(texts.first);
    // Browsers load their voices late; asking is what begins it.
    if (window.speechSynthesis) speechSynthesis.getVoices();
    listen();
    setInterval(watch, WATCH_MS);
  }

  put("lost");
  start();
})();
