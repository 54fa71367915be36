// The page behind a reset link: sets a new password with the token of the address.
const token = new URLSearchParams(location.search).get("token") ?? "";
const said = document.getElementById("said");

document.getElementById("reset").onsubmit = async (event) => {
  event.preventDefault();
  const password = new FormData(event.target).get("password");
  const answer = await fetch("/api/v1/auth/reset/confirm", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token, password }),
  });
  const body = await answer.json();
  said.textContent = answer.ok ? "The password is set." : body.detail;
  event.target.hidden = answer.ok;
  document.getElementById("done").hidden = !answer.ok;
};
