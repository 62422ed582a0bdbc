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

  /* Letters without their marks, so that "hang" finds "Hạng". */
  function plain(text) {
    return text.toLowerCase().normalize("NFD").replace(/[\u0300-\u036f]/g, "").replace(/đ/g, "d");
  }

  /* --- between the stored tree and the rows on the page --- */

  const BRANCHES = ["all", "any"];
  const OWN_KEYS = ["field", "is", "value"];
  let lastKey = 0;

  function read(tree) {
    if (!tree || typeof tree !== "object" || !Object.keys(tree).length) return group("all", []);
    if ("field" in tree) return leaf(tree);
    if ("not" in tree) {
      const inner = read(tree.not);
      inner.not = !inner.not;
      return inner;
    }
    const match = BRANCHES.find((branch) => branch in tree) || "all";
    return group(match, (tree[match] || []).map(read));
  }

  function group(match, items) {
    return { key: ++lastKey, match, items, not: false };
  }

  function leaf(tree) {
    const also = Object.fromEntries(Object.entries(tree).filter(([name]) => !OWN_KEYS.includes(name)));
    return { key: ++lastKey, field: tree.field, is: tree.is, value: tree.value, also, not: false };
  }

  function write(node) {
    let tree;
    if (node.items) tree = { [node.match]: node.items.map(write) };
    else {
      tree = { field: node.field, is: node.is };
      if (node.value !== undefined && node.value !== "") tree.value = node.value;
      for (const [name, value] of Object.entries(node.also)) if (value !== "") tree[name] = value;
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

    /* ``then``: the part that has the focus afterwards; without it, the one that had it. */
    function changed(redraw = true, then = null) {
      store.value = JSON.stringify(write(root));
      store.dispatchEvent(new Event("change", { bubbles: true }));
      if (redraw) draw(then);
      clearTimeout(timer);
      timer = setTimeout(count, WAIT);
    }

    function draw(then = null) {
      const before = then || document.activeElement?.dataset?.part;
      editor.replaceChildren(drawGroup(root, null, 1));
      if (before) editor.querySelector(`[data-part="${before}"]`)?.focus();
    }

    function select(options, value, label, part, onChange) {
      return element(
        "select",
        { class: "conditions-select", "aria-label": label, "data-part": part, on: { change: (e) => onChange(e.target.value) } },
        ...options.map(([code, text]) => element("option", { value: code, selected: code === value }, text)),
      );
    }

    /* ``depth`` counts as the server does: every group and every "not" is a level. */
    function drawGroup(node, parent, depth) {
      const inside = depth + 1 + (node.not ? 1 : 0);
      const match = select(
        [["all", words.matchAll], ["any", words.matchAny]],
        node.match,
        words.question,
        `${node.key}-match`,
        (value) => { node.match = value; changed(); },
      );
      const head = element(
        "div",
        { class: "conditions-head" },
        element("span", {}, parent ? words.groupOf : words.members),
        parent ? drawNot(node) : null,
        match,
        parent ? element("span", { class: "conditions-tools" },
          tool("unfold_less", words.unwrap, () => unwrap(node, parent)),
          tool("close", words.remove, () => remove(node, parent))) : null,
      );
      const rows = element("div", { class: "conditions-rows" });
      node.items.forEach((item, index) => {
        if (index) rows.append(element("div", { class: "conditions-joint" }, node.match === "all" ? words.and : words.or));
        rows.append(item.items ? drawGroup(item, node, inside) : drawLeaf(item, node, inside));
      });
      if (!node.items.length) rows.append(element("p", { class: "conditions-empty" }, node.match === "all" ? words.emptyAll : words.emptyAny));
      const foot = element(
        "div",
        { class: "conditions-foot" },
        button("add", words.add, `${node.key}-add`, () => append(node, newLeaf())),
        inside < config.maxDepth ? button("library_add", words.addGroup, `${node.key}-group`, () => {
          append(node, group(node.match === "all" ? "any" : "all", [newLeaf()]));
        }) : null,
      );
      const kind = parent ? "conditions-group is-nested" : "conditions-group";
      return element("div", { class: kind, role: "group", "aria-label": words.groupOf }, head, rows, foot);
    }

    function append(node, item) {
      node.items.push(item);
      changed(true, `${(item.items ? item.items[0] : item).key}-field`);
    }

    function remove(item, parent) {
      const place = parent.items.indexOf(item);
      parent.items.splice(place, 1);
      const next = parent.items[place] || parent.items[place - 1];
      changed(true, next && !next.items ? `${next.key}-field` : `${parent.key}-add`);
    }

    function wrap(item, parent) {
      const box = group(parent.match === "all" ? "any" : "all", [item]);
      parent.items.splice(parent.items.indexOf(item), 1, box);
      changed(true, `${box.key}-match`);
    }

    function unwrap(node, parent) {
      parent.items.splice(parent.items.indexOf(node), 1, ...node.items);
      changed(true, `${parent.key}-add`);
    }

    function newLeaf() {
      const field = fields.get("days_since_last_order") || config.fields[0];
      return withField({ key: ++lastKey, also: {}, not: false }, field.code);
    }

    function withField(item, code) {
      item.field = code;
      item.kind = undefined;
      return withOperator(item, fields.get(code).operators[0].code);
    }

    function withOperator(item, code) {
      const field = fields.get(item.field);
      const operator = field.operators.find((one) => one.code === code) || field.operators[0];
      const before = item.kind;
      item.is = operator.code;
      item.kind = operator.kind;
      if (operator.kind === "none") delete item.value;
      else if (before !== operator.kind || item.value === undefined) item.value = firstValue(field, operator);
      const also = operator.also;
      item.also = also ? { [also.code]: item.also[also.code] ?? firstAlso(also) } : {};
      return item;
    }

    function firstValue(field, operator) {
      if (operator.kind === "choice") return operator.choices.length ? operator.choices[0][0] : "";
      if (operator.kind === "number") {
        if (config.withDays && field.countsDays) return DAYS;
        return operator.also || operator.most !== null && operator.most < 30 ? 1 : 30;
      }
      if (operator.kind === "money") return "500000";
      return "";
    }

    function firstAlso(also) {
      return config.withDays && also.countsDays ? DAYS : also.first ?? "";
    }

    function drawLeaf(item, parent, depth) {
      const field = fields.get(item.field);
      if (!field) {
        return element("div", { class: "conditions-row" }, element("em", {}, String(item.field)), tool("close", words.remove, () => remove(item, parent)));
      }
      const operator = field.operators.find((one) => one.code === item.is) || field.operators[0];
      item.kind = operator.kind;
      return element(
        "div",
        { class: "conditions-row" },
        drawNot(item),
        drawField(item, field),
        field.operators.length > 1 ? select(field.operators.map((one) => [one.code, one.label]), item.is, words.question,
          `${item.key}-is`, (code) => { withOperator(item, code); changed(); })
          : element("span", { class: "conditions-only" }, field.operators[0].label),
        drawValue(item, field, operator),
        operator.also ? drawAlso(item, operator.also) : null,
        element("span", { class: "conditions-tools" },
          depth + 1 < config.maxDepth ? tool("data_array", words.wrap, () => wrap(item, parent)) : null,
          tool("close", words.remove, () => remove(item, parent))),
      );
    }

    /* --- what is asked about: a button that opens a list with a search --- */

    function drawField(item, field) {
      const open = element("button", {
        type: "button",
        class: "conditions-select is-field",
        "data-part": `${item.key}-field`,
        "aria-haspopup": "listbox",
        "aria-expanded": "false",
        "aria-label": `${words.field}: ${field.label}`,
        on: { click: () => toggle() },
      }, element("span", {}, field.label), icon("expand_more"));
      const holder = element("span", { class: "conditions-picker" }, open);
      let list = null;

      function toggle() {
        if (list) { close(); return; }
        list = drawPicker(item, (code) => { withField(item, code); changed(true, `${item.key}-field`); }, close);
        holder.append(list);
        open.setAttribute("aria-expanded", "true");
        list.querySelector("input").focus();
        list.scrollIntoView({ block: "nearest" });
        list.querySelector(".is-on")?.scrollIntoView({ block: "nearest" });
        holder.addEventListener("focusout", leave);
      }

      function leave(event) {
        if (!holder.contains(event.relatedTarget)) close(false);
      }

      function close(back = true) {
        if (!list) return;
        holder.removeEventListener("focusout", leave);
        list.remove();
        list = null;
        open.setAttribute("aria-expanded", "false");
        if (back) open.focus();
      }
      return holder;
    }

    function drawPicker(item, pick, close) {
      const id = `conditions-list-${item.key}`;
      const list = element("div", { class: "conditions-list", role: "listbox", id });
      const search = element("input", {
        class: "conditions-input is-search",
        type: "search",
        role: "combobox",
        autocomplete: "off",
        placeholder: words.search,
        "aria-label": words.search,
        "aria-controls": id,
        "aria-expanded": "true",
        on: { input: () => fill(), keydown: (e) => move(e) },
      });
      let shown = [];
      let on = 0;

      function fill() {
        const wanted = plain(search.value).split(/\s+/).filter(Boolean);
        shown = config.fields.filter((field) => {
          const text = plain(`${field.group} ${field.label}`);
          return wanted.every((word) => text.includes(word));
        });
        on = Math.max(0, shown.findIndex((field) => field.code === item.field));
        const parts = [];
        let under = null;
        shown.forEach((field, index) => {
          if (field.group !== under) parts.push(element("div", { class: "conditions-under", role: "presentation" }, field.group));
          under = field.group;
          parts.push(element("div", {
            class: "conditions-option",
            role: "option",
            id: `${id}-${index}`,
            on: { mousedown: (e) => { e.preventDefault(); pick(field.code); } },
          }, field.label));
        });
        if (!shown.length) parts.push(element("p", { class: "conditions-empty" }, words.nothingFound));
        list.replaceChildren(...parts);
        mark();
      }

      function mark() {
        list.querySelectorAll("[role=option]").forEach((option, index) => {
          option.classList.toggle("is-on", index === on);
          option.setAttribute("aria-selected", String(index === on));
          if (index === on) option.scrollIntoView({ block: "nearest" });
        });
        search.setAttribute("aria-activedescendant", shown.length ? `${id}-${on}` : "");
      }

      function move(event) {
        const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
        if (event.key in steps && shown.length) {
          on = Math.min(shown.length - 1, Math.max(0, on + steps[event.key]));
          mark();
        } else if (event.key === "Enter") {
          if (shown[on]) pick(shown[on].code);
        } else if (event.key === "Escape") close();
        else return;
        event.preventDefault();
        event.stopPropagation();
      }

      fill();
      return element("div", { class: "conditions-popover" }, search, list);
    }

    /* --- values --- */

    function drawValue(item, field, operator) {
      if (operator.kind === "none") return element("span", { class: "conditions-novalue" });
      const set = (value, redraw) => { item.value = value; changed(Boolean(redraw)); };
      const countsDays = field.countsDays && !operator.also;
      return drawAny({ ...operator, label: words.value, countsDays }, item.value, `${item.key}-value`, set);
    }

    function drawAlso(item, also) {
      const set = (value, redraw) => { item.also[also.code] = value; changed(Boolean(redraw)); };
      return element("span", { class: "conditions-pair" },
        also.before ? element("span", { class: "conditions-word" }, also.before) : null,
        drawAny({ suggestions: [], most: null, ...also }, item.also[also.code], `${item.key}-also`, set),
        also.after && item.also[also.code] !== DAYS ? element("span", { class: "conditions-word" }, also.after) : null);
    }

    function drawAny(wants, value, part, set) {
      if (wants.kind === "choice") {
        const options = wants.choices.slice();
        if (!options.length) return element("span", { class: "conditions-word" }, words.noChoice);
        if (!options.some(([code]) => code === String(value))) options.unshift([String(value ?? ""), value || words.choose]);
        return select(options, String(value ?? ""), wants.label, part, set);
      }
      if (wants.kind === "number" && config.withDays && wants.countsDays) {
        const isDays = value === DAYS;
        const days = select([[DAYS, words.days], ["fixed", words.fixed]], isDays ? DAYS : "fixed", wants.label, part,
          (code) => set(code === DAYS ? DAYS : 30, true));
        return element("span", { class: "conditions-pair" }, days, isDays ? null : input(wants, value, `${part}-number`, set));
      }
      return input(wants, value, part, set);
    }

    function input(wants, value, part, set) {
      const isText = wants.kind === "text";
      const suggested = isText && wants.suggestions.length ? `conditions-suggest-${part}` : false;
      const field = element("input", {
        class: isText ? "conditions-input is-text" : "conditions-input",
        type: isText ? "text" : "number",
        min: isText ? false : "0",
        max: isText ? false : wants.most ?? false,
        maxlength: isText ? "120" : false,
        list: suggested,
        inputmode: isText ? false : "numeric",
        value: value ?? "",
        "data-part": part,
        "aria-label": wants.label,
        on: {
          input: (e) => {
            const typed = e.target.value;
            set(wants.kind === "number" && typed !== "" ? Number(typed) : typed);
          },
        },
      });
      if (!suggested) return field;
      return element("span", { class: "conditions-pair is-text" }, field, element("datalist", { id: suggested },
        ...wants.suggestions.map(([code, text]) => element("option", { value: code }, text === code ? "" : text))));
    }

    function drawNot(item) {
      return element("button", {
        type: "button",
        class: item.not ? "conditions-not is-on" : "conditions-not",
        "aria-pressed": String(Boolean(item.not)),
        "data-part": `${item.key}-not`,
        title: words.notHelp,
        on: { click: () => { item.not = !item.not; changed(); } },
      }, words.not);
    }

    function tool(sign, text, onClick) {
      return element("button", {
        type: "button",
        class: "conditions-remove",
        title: text,
        "aria-label": text,
        on: { click: onClick },
      }, icon(sign));
    }

    function button(sign, text, part, onClick) {
      return element("button", { type: "button", class: "conditions-add", "data-part": part, on: { click: onClick } }, icon(sign), text);
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
