/* The board of a campaign: its steps as cards from top to bottom, ways beside each other.
   The tree is the one that the server reads and writes (campaigns/board.py); every word and
   every sentence comes from there as well. Changes are saved by themselves as a draft. */
(() => {
  "use strict";

  const SAVE_AFTER = 700;
  const DRAW_AFTER = 350;
  const MOST_UNDO = 50;
  const LETTERS = ["a", "b", "c", "d"];
  const POINTS_AT = { message: "template", give: "benefit", add_tag: "tag", remove_tag: "tag" };
  const NEEDS = { template: "needTemplate", benefit: "needBenefit", tag: "needTag" };

  function element(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "on") {
        for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
      } else if (value === true) node.setAttribute(name, "");
      else if (value !== false && value != null) node.setAttribute(name, value);
    }
    node.append(...children.flat().filter((child) => child != null && child !== false));
    return node;
  }

  function icon(name) {
    return element("span", { class: "material-symbols-outlined", "aria-hidden": "true" }, name);
  }

  function button(text, sign, onClick, attributes = {}) {
    return element("button", { type: "button", class: "console-button", ...attributes, on: { click: onClick } },
      sign ? icon(sign) : null, text);
  }

  function fill(text, values) {
    return Object.entries(values).reduce((said, [name, value]) => said.replace(`{${name}}`, () => value), text);
  }

  function copyOf(value) {
    return JSON.parse(JSON.stringify(value));
  }

  function begin(root) {
    const config = JSON.parse(document.getElementById("board-config").textContent);
    const { words, choices, urls, mayChange } = config;
    const kinds = new Map(config.kinds.map((kind) => [kind.code, kind]));

    let state = config.state;
    let tree = copyOf(state.tree);
    let kept = copyOf(state.kept);
    let problems = {};
    let opened = null; // the card that is edited: its key and the fields on the page
    let adding = ""; // the place whose palette is open
    let carried = null; // what is on its way to another place
    let dragged = "";
    let isKeeping = false; // whether the list of tags to keep on is shown without one
    let past = [];
    let lastChange = "";

    /* --- the tree --- */

    function laneCodes(node) {
      if (node.kind === "split") return LETTERS.slice(0, (node.settings.shares || []).length);
      return kinds.get(node.kind).lanes.map(([code]) => code);
    }

    function laneLabel(node, code) {
      if (node.kind === "split") {
        const letter = code.toUpperCase();
        return `${fill(words.way, { letter })} · ${node.settings.shares[LETTERS.indexOf(code)] || 0} %`;
      }
      return kinds.get(node.kind).lanes.find(([known]) => known === code)[1];
    }

    function inside(node, code) {
      node.lanes ||= {};
      node.lanes[code] ||= [];
      return node.lanes[code];
    }

    function* walk(list = tree, depth = 0) {
      for (const [index, node] of list.entries()) {
        yield { node, list, index, depth };
        for (const code of laneCodes(node)) yield* walk(inside(node, code), depth + 1);
      }
    }

    function find(key) {
      for (const place of walk()) if (place.node.key === key) return place;
      return null;
    }

    function height(node) {
      const codes = laneCodes(node);
      if (!codes.length) return 0;
      return 1 + Math.max(0, ...codes.flatMap((code) => inside(node, code).map(height)));
    }

    // How many columns it takes to show everything inside it beside each other.
    function breadth(node) {
      const codes = laneCodes(node);
      return codes.length * Math.max(1, ...codes.flatMap((code) => inside(node, code).map(breadth))) || 1;
    }

    function holds(node, key) {
      return node.key === key || laneCodes(node).some((code) => inside(node, code).some((child) => holds(child, key)));
    }

    // The messages that have been sent when somebody comes to a step.
    function messagesBefore(key, list = tree) {
      const found = [];
      for (const node of list) {
        if (node.key === key) return found;
        for (const code of laneCodes(node)) {
          const within = messagesBefore(key, inside(node, code));
          if (within) return found.concat(within);
        }
        for (const place of walk([node])) if (place.node.kind === "message") found.push(place.node);
      }
      return list === tree ? found : null;
    }

    function newKey(kind) {
      const letters = "abcdefghijkmnpqrstuvwxyz23456789";
      for (;;) {
        const numbers = crypto.getRandomValues(new Uint8Array(8));
        const key = `${kind.slice(0, 1)}-${[...numbers].map((n) => letters[n % letters.length]).join("")}`;
        if (!find(key)) return key;
      }
    }

    function newNode(kind) {
      const node = { key: newKey(kind), kind };
      const only = POINTS_AT[kind];
      if (only) node[only] = choices[only].length === 1 ? choices[only][0][0] : null;
      if (kind === "message") Object.assign(node, { offer: "", news: "", valid_days: 14 });
      const settings = {
        wait: { amount: 7, unit: "days" },
        wait_until: { until: "time", time: "09:00" },
        wait_for: { event: choices.event.length ? choices.event[0][0] : "", amount: 7, unit: "days" },
        branch: { asks: "conditions", conditions: { all: [] } },
        split: { shares: [50, 50] },
        counter: { times: 1, per: "month" },
      }[kind];
      if (settings) node.settings = settings;
      return node;
    }

    // A copy has keys of its own, and asks about the messages that were copied with it.
    function copyNode(node) {
      const copy = copyOf(node);
      const keys = new Map();
      for (const place of walk([copy])) {
        const key = newKey(place.node.kind);
        keys.set(place.node.key, key);
        place.node.key = key;
      }
      for (const { node: one } of walk([copy])) {
        if (one.settings && keys.has(one.settings.step)) one.settings.step = keys.get(one.settings.step);
      }
      for (const [old, key] of keys) state.sentences[key] = state.sentences[old] || "";
      return copy;
    }

    /* --- what a step lacks, before the server is asked --- */

    function lacks(node) {
      const target = POINTS_AT[node.kind];
      if (target && !node[target]) return words[NEEDS[target]];
      const settings = node.settings || {};
      if (node.kind === "branch" && settings.asks !== "conditions" && !settings.step) return words.which;
      if (node.kind === "wait_until" && settings.until === "date" && !settings.date) return words.date;
      return "";
    }

    function incomplete() {
      return [...walk()].filter(({ node }) => lacks(node));
    }

    function sentence(node) {
      return state.sentences[node.key] || kinds.get(node.kind).label;
    }

    function templateName(node) {
      const found = choices.template.find(([pk]) => pk === node.template);
      return found ? found[1] : kinds.get("message").label;
    }

    /* --- changing --- */

    function remember(what) {
      // Letters typed into one field are one change.
      if (what && what === lastChange) return;
      lastChange = what;
      past.push(JSON.stringify({ tree, kept }));
      if (past.length > MOST_UNDO) past.shift();
    }

    function change(what, work, redraw = true) {
      remember(what);
      work();
      touched();
      if (redraw) draw();
    }

    function undo() {
      if (!past.length) return;
      ({ tree, kept } = JSON.parse(past.pop()));
      lastChange = "";
      if (opened && !find(opened.key)) opened = null;
      if (opened) opened = { key: opened.key };
      touched();
      draw();
      say(words.undone);
    }

    function add(kind, list, index) {
      const node = newNode(kind);
      adding = "";
      change("", () => list.splice(index, 0, node), false);
      open(node.key);
    }

    function remove(key) {
      const { node, list, index } = find(key);
      const what = sentence(node);
      change("", () => list.splice(index, 1), false);
      if (opened && opened.key === key) opened = null;
      draw();
      offer(fill(words.deleted, { what }));
      const next = list[Math.min(index, list.length - 1)];
      focus(next ? `${next.key}:head` : "add");
    }

    function shift(key, by) {
      const { node, list, index } = find(key);
      change("", () => {
        list.splice(index, 1);
        list.splice(index + by, 0, node);
      });
      say(fill(words.moved, { what: sentence(node) }));
      focus(`${key}:more`);
    }

    function duplicate(key) {
      const { node, list, index } = find(key);
      const copy = copyNode(node);
      change("", () => list.splice(index + 1, 0, copy));
      say(fill(words.copied, { what: sentence(node) }));
      focus(`${copy.key}:head`);
    }

    function fits(key, owner, depth, isCopy) {
      const { node } = find(key);
      if (!isCopy && owner && holds(node, owner.key)) return false;
      return depth + height(node) <= config.maxDepth;
    }

    function put(key, list, index, isCopy) {
      const place = find(key);
      const node = isCopy ? copyNode(place.node) : place.node;
      carried = null;
      change("", () => {
        if (!isCopy) {
          place.list.splice(place.index, 1);
          if (place.list === list && place.index < index) index -= 1;
        }
        list.splice(index, 0, node);
      });
      say(fill(isCopy ? words.copied : words.moved, { what: sentence(node) }));
      focus(`${node.key}:head`);
    }

    function carry(key, isCopy) {
      carried = { key, isCopy };
      adding = "";
      opened = null;
      draw();
      const places = [...canvas.querySelectorAll(".journey-put")];
      const card = canvas.querySelector(`[data-key="${key}"]`);
      const after = places.find((one) => card.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING);
      if (after || places[0]) (after || places[0]).focus();
    }

    function open(key) {
      opened = key && { key };
      adding = "";
      draw();
      if (!key) return;
      const first = canvas.querySelector(`[data-key="${key}"] .journey-body :is(select, input, button)`);
      if (first) first.focus();
      const card = canvas.querySelector(`[data-key="${key}"]`);
      if (card) card.scrollIntoView({ block: "nearest" });
    }

    function close() {
      const { key } = opened;
      opened = null;
      draw();
      focus(`${key}:head`);
    }

    function focus(name) {
      const found = canvas.querySelector(`[data-focus="${name}"]`);
      if (found) found.focus();
    }

    /* --- saving --- */

    let serial = 0; // counts changes
    let saved = 0; // the change up to which everything is saved
    let timer = 0;
    let isSaving = false;
    let trouble = ""; // why the last saving failed, in words
    let isStale = false; // somebody else has changed the steps

    function touched() {
      serial += 1;
      clearTimeout(timer);
      if (!isStale) timer = setTimeout(save, SAVE_AFTER);
      drawBar();
    }

    async function post(address, told = {}) {
      const token = document.querySelector("[name=csrfmiddlewaretoken]");
      let response;
      try {
        response = await fetch(address, {
          method: "POST",
          body: JSON.stringify({ ...told, stamp: state.stamp }),
          headers: { "Content-Type": "application/json", "X-CSRFToken": token.value },
        });
      } catch {
        return { error: words.offline };
      }
      const isJson = (response.headers.get("content-type") || "").includes("json");
      // A session that is over answers with the page to sign in.
      if (!isJson) return { error: response.redirected || response.status === 403 ? words.signedOut : words.offline };
      const answer = await response.json();
      if (response.ok) return answer;
      isStale = answer.code === "board_changed";
      return { ...answer, isRefused: true };
    }

    async function save() {
      clearTimeout(timer);
      if (isSaving || isStale || serial === saved || incomplete().length) {
        drawBar();
        return;
      }
      const mine = serial;
      isSaving = true;
      drawBar();
      const answer = await post(urls.save, { tree, kept });
      isSaving = false;
      trouble = "";
      problems = {};
      if (answer.error) {
        for (const { key, sentence: said } of answer.problems || []) (problems[key] ||= []).push(said);
        if (!(answer.problems || []).length) trouble = answer.error;
      } else {
        saved = mine;
        state = answer;
      }
      drawTexts();
      drawBar();
      if (serial !== mine) timer = setTimeout(save, SAVE_AFTER);
    }

    function take(answer, said) {
      state = answer;
      tree = copyOf(state.tree);
      kept = copyOf(state.kept);
      [serial, saved, past, problems, trouble, opened] = [0, 0, [], {}, "", null];
      draw();
      say(said);
    }

    async function decide(address, said) {
      const answer = await post(address);
      if (!answer.error) {
        take(answer, said);
        return;
      }
      problems = {};
      for (const { key, sentence: one } of answer.problems || []) (problems[key] ||= []).push(one);
      trouble = answer.error;
      draw();
    }

    window.addEventListener("beforeunload", (event) => {
      if (serial === saved) return;
      event.preventDefault();
      event.returnValue = words.leave;
    });

    /* --- the bar above --- */

    const status = element("p", { class: "journey-status", role: "status" });
    const headline = element("div", { class: "journey-headline" });
    const acts = element("div", { class: "console-buttons journey-acts" });
    const bar = element("section", { class: "console-card journey-bar", "aria-label": words.board }, headline, status, acts);

    function standingOfSave() {
      const open = incomplete().length;
      const wrong = new Set(Object.keys(problems)).size;
      if (trouble) return ["error", trouble];
      if (wrong) return ["error", wrong === 1 ? words.oneProblem : fill(words.manyProblems, { n: wrong })];
      if (serial === saved) return ["check_circle", words.saved];
      if (open) return ["edit_note", open === 1 ? words.oneOpen : fill(words.manyOpen, { n: open })];
      return isSaving ? ["sync", words.saving] : ["edit_note", words.unsaved];
    }

    function headlineOf() {
      if (config.isClosed) return ["lock", words.closed, ""];
      if (state.neverStarted) return ["edit_note", words.never, ""];
      if (state.isDraft) return ["edit_note", words.draft, words.draftOn];
      if (!mayChange && config.hasDraft) return ["check_circle", words.inForceOnly, ""];
      if (!mayChange) return ["visibility", words.readOnly, ""];
      return ["check_circle", words.inForce, ""];
    }

    function drawBar() {
      const [sign, title, more] = headlineOf();
      bar.classList.toggle("is-draft", state.isDraft);
      headline.replaceChildren(icon(sign), element("div", {}, element("b", {}, title),
        more ? element("small", {}, more) : null, drawOther()));
      const [mark, said] = standingOfSave();
      status.hidden = !mayChange;
      status.className = `journey-status is-${mark}`;
      const line = [icon(mark), element("span", {}, said)];
      if (status.textContent !== line.map((one) => one.textContent).join("")) status.replaceChildren(...line);
      acts.replaceChildren(...drawActs().filter(Boolean));
    }

    // The way from the draft to what is in force, and back.
    function drawOther() {
      const look = (text, href, attributes = {}) => element("small", {}, element("a", { class: "console-link", href, ...attributes }, text));
      if (state.isDraft) return look(words.lookInForce, urls.inForce, { target: "_blank", rel: "noopener" });
      return !mayChange && config.hasDraft && !config.isClosed ? look(words.toDraft, urls.board) : null;
    }

    function drawActs() {
      const isSettled = serial === saved && !isSaving;
      const back = element("a", { class: "console-link journey-back", href: urls.campaign }, icon("arrow_back"), words.back);
      if (!mayChange) return [back];
      const start = element("a", { class: "console-button is-primary is-start", href: urls.campaign }, words.start);
      return [
        element("button", {
          type: "button",
          class: "journey-quiet",
          "aria-label": words.undo,
          title: words.undo,
          disabled: !past.length,
          on: { click: undo },
        }, icon("undo")),
        isStale ? button(words.reload, "refresh", () => window.location.reload(), { class: "console-button is-primary" }) : null,
        trouble && !isStale ? button(words.again, "refresh", save) : null,
        state.neverStarted && isSettled && tree.length ? start : back,
        state.isDraft ? button(words.discard, "", askDiscard) : null,
        state.isDraft ? button(words.publish, "publish", askPublish, { class: "console-button is-primary", disabled: !isSettled }) : null,
      ];
    }

    function ask(question, lines, text, isDangerous, onYes) {
      const dialog = element("dialog", { class: "journey-dialog", "aria-label": question },
        element("h2", { class: "console-heading" }, question),
        element("ul", { class: "console-consequences" }, ...lines.map((line) => element("li", {}, line))),
        element("div", { class: "console-buttons" },
          button(text, "", () => { dialog.close(); onYes(); }, { class: `console-button ${isDangerous ? "is-danger" : "is-primary"}` }),
          button(words.cancel, "", () => dialog.close())));
      dialog.addEventListener("close", () => dialog.remove());
      root.append(dialog);
      dialog.showModal();
    }

    function askPublish() {
      const onTheWay = state.onTheWay ? fill(words.publishOld, { n: state.onTheWay }) : words.publishNobody;
      ask(words.publishAsk, [words.publishNew, onTheWay, words.publishAgain], words.publish, false,
        () => decide(urls.publish, words.published));
    }

    function askDiscard() {
      ask(words.discardAsk, [words.discardWhat], words.discard, true, () => {
        clearTimeout(timer);
        decide(urls.discard, words.discarded);
      });
    }

    /* --- what is said below, for a moment --- */

    const toast = element("div", { class: "journey-toast", role: "status", hidden: true });
    let toastTimer = 0;

    function say(text, act = null) {
      clearTimeout(toastTimer);
      toast.replaceChildren(element("span", {}, text), ...(act ? [act] : []));
      toast.hidden = false;
      toastTimer = setTimeout(() => { toast.hidden = true; }, act ? 12000 : 4000);
    }

    function offer(text) {
      say(text, button(words.undo, "undo", undo));
    }

    /* --- the cards --- */

    const canvas = element("div", { class: "journey-canvas" });

    function draw() {
      const isEmpty = !tree.length && !kept.length && !adding;
      canvas.replaceChildren(...[
        drawEntry(),
        isEmpty && mayChange ? element("p", { class: "journey-none" }, words.empty) : null,
        drawLane(tree, null, "", 0),
        drawEnd(),
        carried ? drawCarried() : null,
      ].filter(Boolean));
      canvas.classList.toggle("is-carrying", Boolean(carried));
      drawTexts();
      drawBar();
    }

    function drawEntry() {
      return element("section", { class: "journey-card is-fixed", "aria-label": words.enters },
        element("div", { class: "journey-head" }, element("span", { class: "journey-icon is-entry" }, icon("login")),
          element("span", { class: "console-two" }, element("small", {}, words.enters),
            ...config.enters.map((line, index) => element(index ? "span" : "b", {}, line))),
          element("a", { class: "console-link journey-change", href: urls.campaign }, words.change)),
        config.keepsTags ? drawKept() : null,
        element("p", { class: "journey-standing", "data-entered": true }));
    }

    function drawKept() {
      const names = kept.map((pk) => (choices.tag.find(([known]) => known === pk) || [])[1]);
      if (!mayChange) return kept.length ? element("p", { class: "journey-kept" }, icon("sell"), `${words.kept}: ${names.join(", ")}`) : null;
      if (!kept.length && !isKeeping) {
        return element("div", { class: "journey-kept is-none" }, element("button", {
          type: "button",
          class: "console-link",
          on: { click: () => { isKeeping = true; draw(); canvas.querySelector(".journey-kept select").focus(); } },
        }, icon("sell"), words.keptAdd));
      }
      const shown = kept.length ? kept : [null];
      return element("div", { class: "journey-kept" }, icon("sell"), ...shown.map((pk, index) => field(words.kept,
        select([["", words.keptNone], ...choices.tag], pk ?? "", (value) => change("", () => {
          if (value) kept[index] = Number(value);
          else kept.splice(index, 1);
        }, false)))));
    }

    function drawEnd() {
      return element("section", { class: "journey-card is-fixed", "aria-label": words.ends },
        element("div", { class: "journey-head" }, element("span", { class: "journey-icon is-end" }, icon("flag")),
          element("span", { class: "console-two" }, element("small", {}, words.ends),
            ...config.ends.map((line, index) => element(index ? "span" : "b", {}, line)))),
        element("p", { class: "journey-standing", "data-through": true }));
    }

    function drawLane(list, owner, code, depth) {
      let isUnreached = false;
      const items = list.map((node, index) => {
        const item = element("li", { class: "journey-item" },
          drawJoint(list, index, owner, code, depth), drawCard(node, list, index, depth, isUnreached), drawLanes(node, depth));
        isUnreached ||= node.kind === "stop";
        return item;
      });
      return element("div", { class: isUnreached ? "journey-lane is-stopped" : "journey-lane" },
        items.length ? element("ol", { class: "journey-list" }, ...items) : null,
        drawJoint(list, list.length, owner, code, depth, list.length ? "" : " is-only"));
    }

    function drawLanes(node, depth) {
      const codes = laneCodes(node);
      if (!codes.length) return null;
      return element("div", { class: "journey-lanes" },
        element("div", { class: `journey-ways has-${codes.length} needs-${breadth(node)}` }, ...codes.map((code) => {
          const label = laneLabel(node, code);
          return element("section", { class: "journey-way", "aria-label": fill(words.lane, { what: sentence(node), lane: label }) },
            element("h3", { class: "journey-label", "data-lane": `${node.key}:${code}` }, label),
            drawLane(inside(node, code), node, code, depth + 1));
        })));
    }

    function drawJoint(list, index, owner, code, depth, kind = "") {
      const place = `${owner ? owner.key : ""}:${code}:${index}`;
      const joint = element("div", { class: `journey-joint${kind}` });
      if (!mayChange) {
        if (kind && owner) joint.append(element("small", { class: "journey-straight" }, words.emptyLane));
        return joint;
      }
      if (carried) {
        if (fits(carried.key, owner, depth, carried.isCopy)) {
          joint.append(button(words.putHere, "place_item", () => put(carried.key, list, index, carried.isCopy),
            { class: "console-button journey-put" }));
        }
        return joint;
      }
      joint.addEventListener("dragover", (event) => {
        if (!dragged || !fits(dragged, owner, depth, false)) return;
        event.preventDefault();
        joint.classList.add("is-over");
      });
      joint.addEventListener("dragleave", () => joint.classList.remove("is-over"));
      joint.addEventListener("drop", (event) => {
        event.preventDefault();
        const key = dragged;
        dragged = "";
        root.classList.remove("is-dragging");
        if (key) put(key, list, index, false);
      });
      if (adding === place) joint.append(drawPalette(list, index, depth));
      else {
        const isFirst = !owner && !tree.length;
        joint.append(element("button", {
          type: "button",
          class: isFirst ? "journey-add is-first" : "journey-add",
          "aria-label": words.add,
          title: words.add,
          "data-focus": isFirst ? "add" : `add:${place}`,
          on: { click: () => { adding = place; opened = null; draw(); canvas.querySelector(".journey-palette button").focus(); } },
        }, icon("add"), isFirst ? words.addFirst : null));
      }
      return joint;
    }

    function drawPalette(list, index, depth) {
      const shut = () => {
        const place = adding;
        adding = "";
        draw();
        focus(tree.length ? `add:${place}` : "add");
      };
      const offered = config.kinds.filter((kind) => depth < config.maxDepth || !(kind.lanes.length || kind.code === "split"));
      return element("div", {
        class: "journey-palette",
        role: "group",
        "aria-label": words.chooseKind,
        on: { keydown: (event) => { if (event.key === "Escape") shut(); } },
      },
        element("div", { class: "journey-palette-head" }, element("b", {}, words.chooseKind),
          element("button", { type: "button", class: "journey-quiet", "aria-label": words.close, title: words.close, on: { click: shut } }, icon("close"))),
        element("div", { class: "journey-kinds" }, ...offered.map((kind) => element("button", {
          type: "button",
          class: "journey-kind",
          "data-kind": kind.code,
          on: { click: () => add(kind.code, list, index) },
        }, element("span", { class: `journey-icon is-${kind.code}` }, icon(kind.icon)),
          element("span", { class: "console-two" }, element("b", {}, kind.label), element("small", {}, kind.hint))))));
    }

    function drawCard(node, list, index, depth, isUnreached) {
      const kind = kinds.get(node.kind);
      const isOpen = opened && opened.key === node.key;
      const classes = ["journey-card", isOpen && "is-open", isUnreached && "is-unreached",
        carried && carried.key === node.key && "is-carried"].filter(Boolean).join(" ");
      const head = element("button", {
        type: "button",
        class: "journey-head",
        "aria-expanded": String(Boolean(isOpen)),
        "data-focus": `${node.key}:head`,
        on: { click: () => (isOpen ? close() : open(node.key)) },
      }, element("span", { class: `journey-icon is-${node.kind}` }, icon(kind.icon)),
        element("span", { class: "console-two", "data-text": node.key }));
      return element("article", { class: classes, "data-key": node.key },
        element("div", { class: "journey-top" }, head, mayChange ? drawMenu(node, list, index) : null),
        isUnreached ? element("p", { class: "journey-warning" }, words.unreached) : null,
        element("p", { class: "journey-standing", "data-standing": node.key }),
        element("ul", { class: "journey-problems", "data-problems": node.key, role: "alert" }),
        isOpen ? bodyOf(node) : null);
    }

    function drawMenu(node, list, index) {
      const items = [
        [words.up, "arrow_upward", () => shift(node.key, -1), index === 0],
        [words.down, "arrow_downward", () => shift(node.key, 1), index === list.length - 1],
        [words.duplicate, "content_copy", () => duplicate(node.key), false],
        [words.moveTo, "drive_file_move", () => carry(node.key, false), false],
        [words.copyTo, "copy_all", () => carry(node.key, true), false],
        [words.delete, "delete", () => remove(node.key), false],
      ];
      const menu = element("div", { class: "journey-menu", hidden: true }, ...items.map(([text, sign, work, isOff]) =>
        element("button", { type: "button", disabled: isOff, on: { click: work } }, icon(sign), text)));
      const more = element("button", {
        type: "button",
        class: "journey-quiet",
        "aria-expanded": "false",
        "data-focus": `${node.key}:more`,
        on: { click: () => toggle(menu.hidden) },
      }, icon("more_horiz"));
      function toggle(isShown) {
        shutMenus();
        menu.hidden = !isShown;
        more.setAttribute("aria-expanded", String(isShown));
        if (isShown) menu.querySelector("button:not(:disabled)").focus();
      }
      menu.addEventListener("keydown", (event) => {
        const buttons = [...menu.querySelectorAll("button:not(:disabled)")];
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (event.key === "Escape") { toggle(false); more.focus(); event.stopPropagation(); }
        if (!step) return;
        event.preventDefault();
        buttons[(buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length].focus();
      });
      const grip = element("span", {
        class: "journey-grip",
        draggable: "true",
        title: words.drag,
        on: {
          dragstart: (event) => {
            dragged = node.key;
            event.dataTransfer.effectAllowed = "move";
            event.dataTransfer.setData("text/plain", node.key);
            event.dataTransfer.setDragImage(grip.closest(".journey-card"), 20, 20);
            setTimeout(() => root.classList.add("is-dragging"));
          },
          dragend: () => { dragged = ""; root.classList.remove("is-dragging"); },
        },
      }, icon("drag_indicator"));
      return element("div", { class: "journey-tools" }, grip, more, menu);
    }

    function shutMenus() {
      for (const menu of canvas.querySelectorAll(".journey-menu:not([hidden])")) {
        menu.hidden = true;
        menu.previousElementSibling.setAttribute("aria-expanded", "false");
      }
    }

    function drawCarried() {
      const { node } = find(carried.key);
      return element("div", { class: "journey-carried", role: "status" }, element("span", {}, fill(words.wherePut, { what: sentence(node) })),
        button(words.cancel, "", letGo));
    }

    function letGo() {
      const { key } = carried;
      carried = null;
      draw();
      focus(`${key}:more`);
    }

    // Sentences, numbers and problems change without the cards being made anew.
    function drawTexts() {
      for (const { node } of walk()) {
        const place = canvas.querySelector(`[data-text="${node.key}"]`);
        if (!place) continue;
        const [label, said] = [kinds.get(node.kind).label, sentence(node)];
        const isTold = said.toLocaleLowerCase().startsWith(label.toLocaleLowerCase());
        const more = moreOf(node);
        place.replaceChildren(...[isTold ? null : element("small", {}, label), element("b", {}, said),
          more ? element("span", {}, more) : null].filter(Boolean));
        drawProblems(node);
        const menu = canvas.querySelector(`[data-focus="${node.key}:more"]`);
        if (menu) menu.title = fill(words.more, { what: said });
        if (menu) menu.setAttribute("aria-label", menu.title);
        const [here, passed] = state.standing[node.key] || ["", ""];
        canvas.querySelector(`[data-standing="${node.key}"]`).replaceChildren(
          ...[here && element("b", {}, fill(words.here, { n: here })), passed && element("span", {}, fill(words.passed, { n: passed }))].filter(Boolean));
        for (const code of laneCodes(node)) {
          const label_ = canvas.querySelector(`[data-lane="${node.key}:${code}"]`);
          if (label_) label_.textContent = laneLabel(node, code);
        }
      }
      canvas.querySelector("[data-entered]").textContent = state.entered ? fill(words.enteredNow, { n: state.entered }) : "";
      canvas.querySelector("[data-through]").textContent = state.through ? fill(words.throughNow, { n: state.through }) : "";
    }

    function moreOf(node) {
      if (node.kind === "message") return node.offer || node.news;
      const asked = node.settings && node.settings.step && find(node.settings.step);
      return asked ? fill(words.ofMessage, { what: templateName(asked.node) }) : "";
    }

    function drawProblems(node) {
      const isOpen = opened && opened.key === node.key;
      const lacking = lacks(node);
      const said = problems[node.key] || (lacking && !isOpen ? [lacking] : []);
      const list = canvas.querySelector(`[data-problems="${node.key}"]`);
      if (list.textContent !== said.join("")) list.replaceChildren(...said.map((one) => element("li", {}, one)));
      list.closest(".journey-card").classList.toggle("has-problem", said.length > 0);
    }

    /* --- the fields of a card --- */

    function bodyOf(node) {
      // Fields that are being filled in stay the same when the board around them is drawn.
      if (!opened.body) opened.body = drawBody(node);
      return opened.body;
    }

    function again(node) {
      if (opened && opened.key === node.key) opened.body = null;
      draw();
    }

    function drawBody(node) {
      const fields = element("fieldset", { class: "journey-fields", disabled: !mayChange }, ...FIELDS[node.kind](node));
      return element("div", { class: "journey-body" }, fields,
        element("div", { class: "console-buttons" }, button(mayChange ? words.done : words.close, mayChange ? "check" : "", close, { class: "console-button journey-done" })));
    }

    function field(label, control, help = "", kind = "") {
      // Its name is the label alone, without the choices and the help below.
      control.setAttribute("aria-label", label);
      return element("label", { class: `journey-field ${kind}` }, element("span", {}, label), control, help ? element("small", {}, help) : null);
    }

    function select(options, value, onChange) {
      return element("select", { on: { change: (event) => onChange(event.target.value) } },
        ...options.map(([code, text]) => element("option", { value: code, selected: String(code) === String(value) }, text)));
    }

    function grouped(options, value, onChange) {
      const groups = new Map();
      for (const [code, text, group] of options) {
        if (!groups.has(group)) groups.set(group, []);
        groups.get(group).push(element("option", { value: code, selected: code === value }, text));
      }
      return element("select", { on: { change: (event) => onChange(event.target.value) } },
        ...[...groups].map(([label, members]) => element("optgroup", { label }, ...members)));
    }

    function input(type, value, onInput, attributes = {}) {
      return element("input", { type, value: value ?? "", ...attributes, on: { input: (event) => onInput(event.target.value) } });
    }

    function number(value, onInput, min, max) {
      return input("number", value, (typed) => onInput(typed === "" ? "" : Number(typed)), { min, max, inputmode: "numeric" });
    }

    // What one field says; letters typed one after the other can be taken back at once.
    function set(node, name, isSetting = true, redraw = false) {
      return (value) => {
        change(`${node.key}:${name}`, () => {
          if (isSetting) node.settings = { ...node.settings, [name]: value };
          else node[name] = value;
        }, false);
        if (redraw) again(node);
        else drawTexts();
      };
    }

    function point(node, name) {
      const options = node[name] ? choices[name] : [["", words.choose], ...choices[name]];
      return select(options, node[name] ?? "", (value) => set(node, name, false, true)(value ? Number(value) : null));
    }

    function span(node, label) {
      const { settings } = node;
      return element("div", { class: "journey-pair" }, field(label, number(settings.amount, set(node, "amount"), 1, 100000)),
        field(words.unit, select(choices.unit, settings.unit, set(node, "unit"))));
    }

    function timeField(node) {
      return field(words.time, input("time", node.settings.time, set(node, "time"), { required: true }));
    }

    const FIELDS = {
      message(node) {
        const template = choices.template.find(([pk]) => pk === node.template);
        const spoken = template ? template[2] : [];
        const phone = element("div", { class: "journey-phone", "aria-label": words.phone, "aria-live": "polite" });
        let wait = 0;
        let asked = 0;

        async function drawPhone() {
          const mine = ++asked;
          const said = new URLSearchParams({ template: node.template, offer: node.offer, news: node.news, valid_days: node.valid_days });
          const response = await fetch(`${urls.phone}?${said}`).catch(() => null);
          // The answer is our own template with every value escaped; a late one is dropped.
          if (response && response.ok && !response.redirected && mine === asked) phone.innerHTML = await response.text();
        }

        function told(name) {
          const keep = set(node, name, false);
          return (value) => {
            keep(value);
            clearTimeout(wait);
            wait = setTimeout(drawPhone, DRAW_AFTER);
          };
        }

        if (node.template) drawPhone();
        return [element("div", { class: "journey-message" },
          element("div", { class: "journey-fields" },
            field(words.template, point(node, "template")),
            spoken.includes("offer") || node.offer ? field(words.offer, input("text", node.offer, told("offer"), { maxlength: 80 }), words.offerHelp) : null,
            spoken.includes("news") || node.news ? field(words.news, input("text", node.news, told("news"), { maxlength: 200 }), words.newsHelp) : null,
            spoken.includes("valid_until") ? field(words.validDays, number(node.valid_days, told("valid_days"), 1, 365), words.validHelp, "is-short") : null),
          node.template ? phone : null)];
      },
      give: (node) => [field(words.benefit, point(node, "benefit"))],
      add_tag: (node) => [field(words.tag, point(node, "tag"))],
      remove_tag: (node) => [field(words.tag, point(node, "tag"))],
      wait: (node) => [span(node, words.amount)],
      wait_until(node) {
        const { settings } = node;
        const keep = set(node, "until", true, true);
        return [
          field(words.until, select(choices.until, settings.until, (value) => {
            if (value === "weekday") node.settings.weekday ??= 0;
            if (value === "birthday") node.settings.days_before ??= 0;
            keep(value);
          })),
          settings.until === "weekday" ? field(words.weekday, select(choices.weekday, settings.weekday, (value) => set(node, "weekday")(Number(value)))) : null,
          settings.until === "date" ? field(words.date, input("date", settings.date, set(node, "date"))) : null,
          settings.until === "birthday" ? field(words.daysBefore, number(settings.days_before, set(node, "days_before"), 0, 60)) : null,
          timeField(node),
        ];
      },
      wait_for: (node) => [field(words.event, grouped(choices.event, node.settings.event, set(node, "event"))), span(node, words.longest)],
      branch(node) {
        const { settings } = node;
        const asks = field(words.asks, select(choices.asks, settings.asks, (value) => {
          change("", () => {
            const before = messagesBefore(node.key) || [];
            if (value === "conditions") node.settings = { asks: value, conditions: settings.conditions || { all: [] } };
            else node.settings = { asks: value, step: settings.step || (before.length ? before[before.length - 1].key : "") };
          }, false);
          again(node);
        }));
        return [asks, settings.asks === "conditions" ? drawConditions(node) : drawWhich(node)];
      },
      split(node) {
        const { shares } = node.settings;
        const sum = element("p", { class: "journey-sum" });
        const keep = (work, redraw) => {
          change(redraw ? "" : `${node.key}:shares`, work, false);
          if (redraw) again(node);
          else drawTexts();
          drawSum();
        };
        function drawSum() {
          const total = node.settings.shares.reduce((all, one) => all + (Number(one) || 0), 0);
          sum.textContent = fill(words.sum, { n: total });
          sum.classList.toggle("is-wrong", total !== 100);
        }
        drawSum();
        return [element("fieldset", { class: "journey-shares" }, element("legend", {}, words.shares),
          ...shares.map((share, index) => element("div", { class: "journey-share" },
            element("span", {}, fill(words.way, { letter: LETTERS[index].toUpperCase() })),
            number(share, (value) => keep(() => { node.settings.shares[index] = value; }), 1, 99),
            element("span", {}, "%"),
            shares.length > 2 && index === shares.length - 1 ? element("button", {
              type: "button",
              class: "journey-quiet",
              "aria-label": words.removeWay,
              title: words.removeWay,
              on: { click: () => keep(() => { shares.pop(); delete (node.lanes || {})[LETTERS[index]]; node.settings.shares = even(shares.length); }, true) },
            }, icon("close")) : null)),
          sum,
          element("div", { class: "console-buttons" },
            shares.length < LETTERS.length ? button(words.addWay, "add", () => keep(() => { node.settings.shares = even(shares.length + 1); }, true)) : null,
            button(words.even, "", () => keep(() => { node.settings.shares = even(shares.length); }, true))))];
      },
      counter: (node) => [
        field(words.times, number(node.settings.times, set(node, "times"), 1, 100000)),
        field(words.per, select(choices.per, node.settings.per, set(node, "per"))),
      ],
      stop: () => [element("p", { class: "console-quiet" }, words.nothing)],
    };

    function even(count) {
      const share = Math.floor(100 / count);
      return Array.from({ length: count }, (_one, index) => (index ? share : 100 - share * (count - 1)));
    }

    function drawWhich(node) {
      const before = messagesBefore(node.key) || [];
      if (!before.length) return element("p", { class: "journey-warning" }, words.noMessage);
      const { step } = node.settings;
      const options = before.map((one, index) => [one.key, before.length > 1 ? `${index + 1}. ${templateName(one)}` : templateName(one)]);
      if (!before.some((one) => one.key === step)) options.unshift(["", words.choose]);
      return field(words.which, select(options, step || "", set(node, "step")));
    }

    function drawConditions(node) {
      const store = element("textarea", { hidden: true });
      store.value = JSON.stringify(node.settings.conditions || { all: [] });
      store.addEventListener("change", (event) => {
        event.stopPropagation();
        set(node, "conditions")(JSON.parse(store.value));
      });
      const box = element("div", { class: "conditions" }, store, element("div", { class: "conditions-editor", "data-editor": true }),
        element("div", { class: "conditions-answer", "data-answer": true, "aria-live": "polite" }));
      // It looks whether it stands in a form that only shows.
      queueMicrotask(() => window.mountConditions(box));
      return box;
    }

    document.addEventListener("click", (event) => {
      if (!event.target.closest(".journey-tools")) shutMenus();
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && carried) letGo();
    });

    root.append(bar, canvas, toast);
    draw();
  }

  document.addEventListener("DOMContentLoaded", () => {
    const root = document.getElementById("journey");
    if (root) begin(root);
  });
})();
