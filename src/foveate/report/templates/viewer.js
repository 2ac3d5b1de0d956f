// The viewer: raw heat-maps, a few values each, are enlarged and coloured here as foveate.explanation does it.

// The linear interpolation along one axis: for each of `length` pixels from `start` on, of `large` that `small` values
// become, the left value's place and the right one's share. Pixel centres are aligned to areas.
function steps(small, large, start, length) {
  return Array.from({ length }, (_, index) => {
    const place = Math.min(Math.max(((start + index + 0.5) * small) / large - 0.5, 0), small - 1);
    const left = Math.floor(place);
    return { left, right: Math.min(left + 1, small - 1), share: place - left };
  });
}

// A map (height x width) on the square (rows x columns), of which the window is cut out: top, left, height, width.
function enlarge(values, height, width, [rows, columns], [top, left, shownHeight, shownWidth]) {
  const down = steps(height, rows, top, shownHeight);
  const across = steps(width, columns, left, shownWidth);
  const out = new Float64Array(shownHeight * shownWidth);
  let next = 0;
  for (const y of down) {
    for (const x of across) {
      const upper = values[y.left * width + x.left] * (1 - x.share) + values[y.left * width + x.right] * x.share;
      const lower = values[y.right * width + x.left] * (1 - x.share) + values[y.right * width + x.right] * x.share;
      out[next++] = upper * (1 - y.share) + lower * y.share;
    }
  }
  return out;
}

// Inferno's colours, as opaque as the value is high.
function paint(canvas, heat, height, width, inferno) {
  canvas.width = width;
  canvas.height = height;
  const pen = canvas.getContext("2d");
  const pixels = pen.createImageData(width, height);
  heat.forEach((value, index) => {
    const level = Math.round(255 * value);
    pixels.data.set([inferno[3 * level], inferno[3 * level + 1], inferno[3 * level + 2], level], 4 * index);
  });
  pen.putImageData(pixels, 0, 0);
}

// Where a map is highest, in ninths of the image.
function peakWords(heat, height, width) {
  const place = heat.reduce((best, value, index) => (value > heat[best] ? index : best), 0);
  const level = ["upper", "middle", "lower"][Math.floor((3 * Math.floor(place / width)) / height)];
  const side = ["left", "centre", "right"][Math.floor((3 * (place % width)) / width)];
  return level === "middle" && side === "centre" ? "centre" : `${level} ${side}`;
}

// Three digits, as foveate.explanation.display_range writes them.
function numberWords(value) {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en-US").replace("-", "−");
  const digits = Number(value.toPrecision(3));
  return (digits !== 0 && Math.abs(digits) < 1e-4 ? digits.toExponential() : String(digits)).replaceAll("-", "−");
}

function betweenWords(low, high) {
  const largest = Math.max(Math.abs(low), Math.abs(high));
  const unit = 10 ** (2 - Math.floor(Math.log10(largest || 1)));
  return [low, high].map((value) => numberWords(Math.round(value * unit) / unit)).join(" to ");
}

function element(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function startViewer(viewer, number) {
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const find = (selector) => viewer.querySelector(selector);
  const content = JSON.parse(viewer.dataset.content);
  const inferno = bytes(content.inferno);
  for (const method of content.methods) for (const maps of method.models) if (maps) maps.values = bytes(maps.levels);
  const stage = find(".stage");
  const now = { image: 0, model: 0, method: 0 };

  const outline = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  outline.setAttribute("preserveAspectRatio", "none");
  outline.setAttribute("aria-hidden", "true");
  for (let line = 0; line < 2; line += 1) outline.append(document.createElementNS(outline.namespaceURI, "path"));
  stage.append(outline);

  const cards = content.models.map((title, index) => {
    const label = element("label");
    const input = element("input", "", "unseen");
    Object.assign(input, { type: "radio", name: `viewer-${number}-model`, value: index, checked: index === 0 });
    const thumb = element("span", "", "thumb");
    const image = element("img");
    image.alt = "";
    thumb.append(image, element("canvas"));
    const says = element("small");
    const state = element("small", "", "state");
    label.append(input, thumb, element("span", title), says, state);
    find(".models").append(label);
    input.addEventListener("change", () => show({ model: index }));
    return { thumb, image, says, state };
  });
  find(".method").append(...content.methods.map((method, index) => new Option(method.title, index)));

  // Every model's map of an image: missing, blank, flat, or its values from 0 to 1 (as foveate.explanation.display_range has it).
  function heats(image) {
    const [, , height, width] = image.window;
    const method = content.methods[now.method];
    const found = method.models.map((maps) => {
      if (maps === null) return { missing: "This model has no map by this method." };
      const low = maps.lows[now.image];
      if (low === null) return { missing: "This method’s map was not computed for this image." };
      const size = maps.height * maps.width;
      const step = (maps.peaks[now.image] - low) / 255;
      const levels = maps.values.subarray(now.image * size, (now.image + 1) * size);
      const heat = enlarge(levels, maps.height, maps.width, image.square, image.window).map((v) => low + v * step);
      const lowest = heat.reduce((one, other) => Math.min(one, other));
      const highest = heat.reduce((one, other) => Math.max(one, other));
      const blank = method.from_zero && highest <= 0;
      const flat = !blank && highest - lowest <= content.flat * Math.max(Math.abs(lowest), Math.abs(highest));
      return { heat, lowest, highest, blank, flat, drawn: !blank && !flat };
    });
    const there = found.filter((map) => !map.missing);
    const shared = find(".scaling").value === "shared";
    for (const map of found.filter((one) => one.drawn)) {
      const of = shared ? there : [map];
      const clear = method.from_zero ? 0 : Math.min(...of.map((one) => one.lowest));
      const opaque = Math.max(...of.map((one) => one.highest));
      map.heat = map.heat.map((value) => (value - clear) / (opaque - clear));
      map.peak = peakWords(map.heat, height, width);
    }
    return found;
  }

  function looksOf(map) {
    if (map.missing) return map.missing;
    if (map.blank) return "No positive evidence: the map has no positive value.";
    if (map.flat) return `Flat: ${numberWords(map.highest)} everywhere, so the plain image is shown.`;
    return `Strongest in the ${map.peak}; values from ${betweenWords(map.lowest, map.highest)}.`;
  }

  function draw(place, map, image) {
    const [, , height, width] = image.window;
    place.querySelector("img").src = image.src;
    place.classList.toggle("blank", map.blank === true);
    paint(place.querySelector("canvas"), map.drawn ? map.heat : new Float64Array(height * width), height, width, inferno);
  }

  function show(changes = {}) {
    Object.assign(now, changes);
    const image = content.images[now.image];
    const [, , height, width] = image.window;
    const maps = heats(image);
    viewer.style.setProperty("--shape", width / height);
    cards.forEach((card, index) => {
      const [probability, predicted] = image.says[index];
      const wrong = predicted !== image.truth;
      const map = maps[index];
      card.state.textContent = map.missing ? "no map" : map.blank ? "no positive evidence" : map.flat ? "flat map" : "";
      card.says.textContent = `${(100 * probability).toFixed(1)} %${wrong ? ` ✗ says ${predicted}` : ""}`;
      card.says.className = wrong ? "wrong" : "";
      draw(card.thumb, maps[index], image);
    });
    const map = maps[now.model];
    const [probability, predicted] = image.says[now.model];
    const wrong = predicted !== image.truth;
    draw(stage, map, image);
    stage.classList.toggle("mistaken", wrong);
    outline.setAttribute("viewBox", image.box);
    for (const path of outline.children) path.setAttribute("d", image.contour);
    find(".outline").hidden = !content.images.some((one) => one.contour);
    find(".contour").disabled = !image.contour;
    const looks = looksOf(map);
    find(".words").replaceChildren(
      element("b", content.models[now.model]),
      element("span", `P(${image.truth}) ${(100 * probability).toFixed(1)} %`),
      element("span", wrong ? `✗ wrong: says ${predicted}` : `says ${predicted}`, wrong ? "wrong" : ""),
      element("span", looks),
    );
    const title = content.methods[now.method].title;
    stage.setAttribute("aria-label", `${title}, ${content.models[now.model]}, ${image.truth}. ${looks}`);
    find(".place").replaceChildren(
      element("b", `${now.image + 1} of ${content.images.length}: ${image.truth}`),
      element("span", `Rule: ${image.why.join("; ")}`),
    );
    fade();
  }

  function fade() {
    viewer.style.setProperty("--opacity", find(".opacity").value / 100);
    outline.style.display = find(".contour").checked ? "" : "none";
  }

  const turn = (by) => show({ image: (now.image + by + content.images.length) % content.images.length });
  find(".previous").addEventListener("click", () => turn(-1));
  find(".next").addEventListener("click", () => turn(1));
  find(".method").addEventListener("change", (event) => show({ method: Number(event.target.value) }));
  find(".scaling").addEventListener("change", () => show());
  find(".opacity").addEventListener("input", fade);
  find(".contour").addEventListener("change", fade);
  viewer.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || event.target.matches("input, select") || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    turn(by);
  });
  if (content.without.length) {
    find(".note").append(` Left out, since the page would grow too large: ${content.without.join("; ")}.`);
  }
  viewer.hidden = false;
  show();
}

document.querySelectorAll(".viewer").forEach(startViewer);
