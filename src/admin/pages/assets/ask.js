// Asks without loading the page anew, shows words as they come, and recalls the last question. The page works without it.
"use strict";

const form = document.getElementById("ask");
const talk = document.getElementById("talk");

/** Reads server-sent events from a body; `hear` gets the name and the data of each. */
async function readEvents(body, hear) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let open = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (open + value).split("\n\n");
    open = events.pop();
    for (const event of events) {
      const lines = event.split("\n");
      const of = (name) => lines.filter((line) => line.startsWith(name)).map((line) => line.slice(name.length).trim());
      if (of("data:").length) hear(of("event:")[0], JSON.parse(of("data:").join("\n")));
    }
  }
}

/** A turn that is under way. */
function begin(question) {
  const turn = document.createElement("article");
  turn.className = "turn";
  const [heading, said] = [document.createElement("h2"), document.createElement("p")];
  heading.textContent = question;
  said.className = "said quiet";
  said.textContent = "Looking it up …";
  said.setAttribute("aria-live", "polite");
  turn.append(heading, said);
  talk.append(turn);
  turn.scrollIntoView({ block: "nearest" });
  return said;
}

/** Asks at the place that the form names; the page of the answer. */
async function ask(question) {
  const said = begin(question);
  const conversation = form.elements.conversation?.value;
  const place = conversation && { conversation, turn: Number(form.elements.turn.value) };
  const answer = await fetch("/api/v1/ask", {
    method: "POST",
    headers: { "content-type": "application/json", accept: "text/event-stream" },
    body: JSON.stringify({ question, ...place }),
  });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  let last = null;
  let words = "";
  await readEvents(answer.body, (name, data) => {
    if (name === "looks_up" && !words) said.textContent = `Looking it up: ${data.tool} …`;
    else if (name === "says") said.textContent = words += data.words;
    else if (name === "answer") last = data;
  });
  if (!last) throw new Error("no answer");
  const query = new URLSearchParams({ conversation: last.conversation, turn: last.turn, q: question });
  return { link: `/ask?${query}`, notice: last.notice };
}

/** Shows the page at `link` in place of this one, without loading it. */
async function turnTo(link) {
  const answer = await fetch(link, { headers: { accept: "text/html" } });
  if (!answer.ok || answer.redirected) throw new Error(`status ${answer.status}`);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.title = page.title;
  for (const id of ["talk", "ask"]) {
    document.getElementById(id).replaceChildren(...document.adoptNode(page.getElementById(id)).childNodes);
  }
}

async function submit(question) {
  form.inert = true;
  try {
    const { link, notice } = await ask(question);
    await turnTo(link);
    history.pushState(null, "", link);
    if (notice) {
      const told = document.createElement("p");
      told.className = "notice";
      told.textContent = notice;
      talk.prepend(told);
    }
    tell();
    document.getElementById("newest")?.scrollIntoView({ block: "start" });
  } catch {
    // Whatever failed: the plain form says it better.
    const place = new URLSearchParams(new FormData(form));
    place.set("q", question);
    location.assign(`/ask?${place}`);
    return;
  } finally {
    form.inert = false;
  }
  document.getElementById("question").focus();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const question = form.elements.q.value.trim();
  if (question) submit(question);
});

document.addEventListener("click", (event) => {
  const chip = event.target.closest(".chips a");
  if (!chip || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button) return;
  event.preventDefault();
  submit(chip.textContent);
});

form.addEventListener("keydown", (event) => {
  const questions = [...talk.querySelectorAll(".turn > h2")].map((one) => one.textContent);
  const isEmpty = event.target.id === "question" && !event.target.value;
  if (event.key !== "ArrowUp" || !isEmpty || !questions.length) return;
  event.preventDefault();
  event.target.value = questions.at(-1);
});

window.addEventListener("popstate", () => location.reload());
