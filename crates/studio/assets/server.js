// What is asked of the server. Addresses are relative, so each bears the token of the page.

async function answer(response) {
  const value = await response.json();
  if (!response.ok) throw new Error(value.refused ?? response.statusText);
  return value;
}

/** Asks for something without changing it. */
export async function ask(what, words = {}) {
  const query = new URLSearchParams(words).toString();
  return answer(await fetch(query ? `${what}?${query}` : what));
}

/** Asks the server to do something; the answer says what changed. */
export async function act(what, more = {}) {
  const body = JSON.stringify({ do: what, ...more });
  return answer(await fetch("do", { method: "POST", body }));
}

/** Sends a table. */
export async function send(file) {
  const query = new URLSearchParams({ name: file.name });
  return answer(await fetch(`table?${query}`, { method: "POST", body: file }));
}
