/**
 * Entry of widget.js. Defines `<recourse-chat>`; with `<script src="…/widget.js" async data-token="…">` it also puts
 * one on the page.
 */
import { RecourseChat } from "./element";

const TAG = "recourse-chat";
// Only known while the script runs for the first time.
const script = document.currentScript as HTMLScriptElement | null;

function mount(options: DOMStringMap): void {
  if (document.querySelector(TAG)) return;
  const element = document.createElement(TAG);
  for (const name of RecourseChat.observedAttributes) {
    const value = options[name];
    if (value !== undefined) element.setAttribute(name, value);
  }
  document.body.append(element);
}

if (script?.src) RecourseChat.defaultServer = new URL(script.src).origin;

// The script may be on the page twice.
if (!customElements.get(TAG)) customElements.define(TAG, RecourseChat);

if (script?.dataset["token"] !== undefined) {
  const { dataset } = script;
  if (document.body) mount(dataset);
  else document.addEventListener("DOMContentLoaded", () => mount(dataset));
}
