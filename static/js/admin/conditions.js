/* The editor of conditions. Its tree is the one the server asks:
   {"all": [...]}, {"any": [...]}, {"not": ...} and {"field", "is", "value"}. */
(() => {
  "use strict";

  const WAIT = 500;
  const DAYS = "{days}";

  function element(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "on") {
        for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
      } else if (value === true) node.setAttribute(name, "");
      else if (value !== false && value != null) node.setAttribute(name, value);
    }
    node.append(...children.filter((child) => child != null));
    return node;
  }

  function icon(name) {
    return element("span", { class: "material-symbols-outlined", "aria-hidden": "true" }, name);
  }

  /* --- between the stored tree and the rows on the page --- */

  function read(tree) {
    if (!tree || typeof tree !== "object" || !Object.keys(tree).length) return group("all", []);
    if ("field" in tree) return leaf(tree, false);
    if ("not" in tree) {
      const inner = read(tree.not);
      inner.not = !inner.not;
      return inner;
    }
    const match = "any" in tree ? "any" : "all";
    return group(match, (tree[match] || []).map(read));
  }

  function group(match, items) {
    return { match, items, not: false };
  }

  function leaf(tree, not) {
    return { field: tree.field, is: tree.is, value: tree.value, not };
  }

  function write(node) {
    let tree;
    if (node.items) tree = { [node.match]: node.items.map(write) };
    else {
      tree = { field: node.field, is: node.is };
      if (node.value !== undefined && node.value !== "") tree.value = node.value;
    }
    return node.not ? { not: tree } : tree;
  }

  /* --- one editor --- */

  function start(box) {
    const store = box.querySelector("textarea");
    const editor = box.querySelector("[data-editor]");
    const answer = box.querySelector("[data-answer]");
    const config = JSON.parse(document.getElementById("conditions-config").textContent);
    const words = config.words;
    const fields = new Map(config.fields.map((field) => [field.code, field]));
    const readOnly = box.closest("fieldset[disabled]") !== null;
    let root = read(JSON.parse(store.value || "{}"));
    if (!root.items || root.not) root = group("all", [root]);
    let timer = 0;
    let asked = 0;

    function changed(redraw = true) {
      store.value = JSON.stringify(write(root));
      store.dispatchEvent(new Event("change", { bubbles: true }));
      if (redraw) draw();
      clearTimeout(timer);
      timer = setTimeout(count, WAIT);
    }

    function draw() {
      editor.replaceChildren(drawGroup(root, null));
    }

    function select(options, value, label, onChange) {
      return element(
        "select",
        { class: "conditions-select", "aria-label": label, on: { change: (e) => onChange(e.target.value) } },
        ...options.map(([code, text]) => element("option", { value: code, selected: code === value }, text)),
      );
    }

    function drawGroup(node, parent) {
      const match = select(
        [["all", words.matchAll], ["any", words.matchAny]],
        node.match,
        words.question,
        (value) => { node.match = value; changed(); },
      );
      const head = element(
        "div",
        { class: "conditions-head" },
        element("span", {}, parent ? words.groupOf : words.members),
        parent ? drawNot(node) : null,
        match,
        parent ? drawRemove(node, parent) : null,
      );
      const rows = element("div", { class: "conditions-rows" });
      node.items.forEach((item, index) => {
        if (index) rows.append(element("div", { class: "conditions-joint" }, node.match === "all" ? words.and : words.or));
        rows.append(item.items ? drawGroup(item, node) : drawLeaf(item, node));
      });
      if (!node.items.length) rows.append(element("p", { class: "conditions-empty" }, node.match === "all" ? words.emptyAll : words.emptyAny));
      const foot = element(
        "div",
        { class: "conditions-foot" },
        button("add", words.add, () => { node.items.push(newLeaf()); changed(); }),
        depthOf(node) < 3 ? button("library_add", words.addGroup, () => {
          node.items.push(group(node.match === "all" ? "any" : "all", [newLeaf()]));
          changed();
        }) : null,
      );
      return element("div", { class: parent ? "conditions-group is-nested" : "conditions-group" }, head, rows, foot);
    }

    function depthOf(node, from = root, depth = 1) {
      if (from === node) return depth;
      for (const item of from.items || []) {
        const found = item.items ? depthOf(node, item, depth + 1) : 0;
        if (found) return found;
      }
      return 0;
    }

    function newLeaf() {
      const field = config.fields.find((one) => one.code === "days_since_last_order") || config.fields[0];
      return withField({ not: false }, field.code);
    }

    function withField(item, code) {
      const field = fields.get(code);
      item.field = code;
      return withOperator(item, field.operators[0].code);
    }

    function withOperator(item, code) {
      const field = fields.get(item.field);
      const operator = field.operators.find((one) => one.code === code) || field.operators[0];
      const before = item.kind;
      item.is = operator.code;
      item.kind = operator.kind;
      if (operator.kind === "none") delete item.value;
      else if (before !== operator.kind || item.value === undefined) item.value = firstValue(field, operator);
      return item;
    }

    function firstValue(field, operator) {
      if (operator.kind === "choice") return operator.choices.length ? operator.choices[0][0] : "";
      if (operator.kind === "number") return config.withDays && field.countsDays ? DAYS : 30;
      if (operator.kind === "money") return "500000";
      return "";
    }

    function drawLeaf(item, parent) {
      const field = fields.get(item.field);
      if (!field) {
        return element("div", { class: "conditions-row" }, element("em", {}, String(item.field)), drawRemove(item, parent));
      }
      const operator = field.operators.find((one) => one.code === item.is) || field.operators[0];
      item.kind = operator.kind;
      return element(
        "div",
        { class: "conditions-row" },
        drawNot(item),
        drawField(item),
        select(field.operators.map((one) => [one.code, one.label]), item.is, words.question,
          (code) => { withOperator(item, code); changed(); }),
        drawValue(item, field, operator),
        drawRemove(item, parent),
      );
    }

    function drawField(item) {
      const groups = new Map();
      for (const field of config.fields) {
        if (!groups.has(field.group)) groups.set(field.group, []);
        groups.get(field.group).push(field);
      }
      const box = element("select", {
        class: "conditions-select is-field",
        "aria-label": words.field,
        on: { change: (e) => { withField(item, e.target.value); changed(); } },
      });
      for (const [label, members] of groups) {
        box.append(element("optgroup", { label }, ...members.map((field) =>
          element("option", { value: field.code, selected: field.code === item.field }, field.label))));
      }
      return box;
    }

    function drawValue(item, field, operator) {
      if (operator.kind === "none") return element("span", { class: "conditions-novalue" });
      if (operator.kind === "choice") {
        const options = operator.choices.slice();
        if (!options.some(([code]) => code === String(item.value))) options.unshift([String(item.value ?? ""), item.value || words.choose]);
        return select(options, String(item.value ?? ""), words.value, (value) => { item.value = value; changed(false); });
      }
      if (operator.kind === "number" && config.withDays && field.countsDays) {
        const isDays = item.value === DAYS;
        const days = select([[DAYS, words.days], ["fixed", words.fixed]], isDays ? DAYS : "fixed", words.value,
          (value) => { item.value = value === DAYS ? DAYS : 30; changed(); });
        return element("span", { class: "conditions-pair" }, days, isDays ? null : input(item, operator));
      }
      return input(item, operator);
    }

    function input(item, operator) {
      const isText = operator.kind === "text";
      return element("input", {
        class: isText ? "conditions-input is-text" : "conditions-input",
        type: isText ? "text" : "number",
        min: isText ? false : "0",
        inputmode: isText ? false : "numeric",
        value: item.value ?? "",
        "aria-label": words.value,
        on: {
          input: (e) => {
            const typed = e.target.value;
            item.value = operator.kind === "number" && typed !== "" ? Number(typed) : typed;
            changed(false);
          },
        },
      });
    }

    function drawNot(item) {
      return element("button", {
        type: "button",
        class: item.not ? "conditions-not is-on" : "conditions-not",
        "aria-pressed": String(Boolean(item.not)),
        title: words.notHelp,
        on: { click: () => { item.not = !item.not; changed(); } },
      }, words.not);
    }

    function drawRemove(item, parent) {
      return element("button", {
        type: "button",
        class: "conditions-remove",
        title: words.remove,
        "aria-label": words.remove,
        on: { click: () => { parent.items.splice(parent.items.indexOf(item), 1); changed(); } },
      }, icon("close"));
    }

    function button(sign, text, onClick) {
      return element("button", { type: "button", class: "conditions-add", on: { click: onClick } }, icon(sign), text);
    }

    /* --- the count --- */

    async function count() {
      const mine = ++asked;
      answer.classList.add("is-counting");
      if (!answer.childNodes.length) answer.textContent = words.counting;
      const days = document.getElementById("id_days");
      const body = new URLSearchParams({ conditions: store.value });
      if (config.withDays && days) body.set("days", days.value);
      const token = document.querySelector("[name=csrfmiddlewaretoken]");
      try {
        const response = await fetch(config.countUrl, {
          method: "POST",
          body,
          headers: { "X-CSRFToken": token ? token.value : "" },
        });
        if (!response.ok) throw new Error(String(response.status));
        const data = await response.json();
        if (mine === asked) show(data);
      } catch {
        if (mine === asked) show({ error: words.failed });
      }
    }

    function show(data) {
      answer.classList.remove("is-counting");
      if (data.error) {
        answer.replaceChildren(element("p", { class: "conditions-error" }, data.error));
        return;
      }
      answer.replaceChildren(
        element("p", { class: "conditions-count" }, element("b", {}, data.count), ` ${data.match} `,
          element("small", {}, `(${words.of} ${data.of})`)),
        element("p", { class: "conditions-sentence" }, `${words.membersWho} ${data.sentence}.`),
        data.sample.length ? drawSample(data.sample) : null,
      );
    }

    function drawSample(sample) {
      return element("ul", { class: "conditions-sample", "aria-label": words.forExample },
        ...sample.map((one) => element("li", {},
          element("a", { href: one.url, target: "_blank", rel: "noopener" }, one.name),
          one.why ? element("small", {}, one.why) : null)));
    }

    draw();
    count();
    if (readOnly) editor.inert = true;
    const days = document.getElementById("id_days");
    if (days && config.withDays) days.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(count, WAIT); });
  }

  // For editors that come to the page later.
  window.mountConditions = start;

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-conditions]").forEach(start);
  });
})();
