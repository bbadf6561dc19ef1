/** A short sound for an answer that comes while nobody looks, or from a person. Off until the visitor switches it on. */
import type { EventDetail } from "../types.ts";
import type { View } from "../panel/view.svelte.ts";

const KEY = "illumichat:sound";

export class Sound {
  on = $state(false);
  #context: AudioContext | undefined;

  constructor(view: View) {
    try {
      this.on = !!localStorage.getItem(KEY);
    } catch {
      // No storage: off.
    }
    $effect(() => {
      const heard = ({ detail }: CustomEventInit<EventDetail["message:received"]>): void => {
        if (document.hidden || !view.shown || detail?.role === "agent") this.#play();
      };
      addEventListener("illumichat:message:received", heard);
      return () => removeEventListener("illumichat:message:received", heard);
    });
  }

  toggle(): void {
    this.on = !this.on;
    try {
      if (this.on) localStorage.setItem(KEY, "1");
      else localStorage.removeItem(KEY);
    } catch {
      // It lasts as long as the page, then.
    }
    this.#play();
  }

  #play(): void {
    if (!this.on) return;
    this.#context ??= new AudioContext();
    const { currentTime, destination } = this.#context;
    const gain = new GainNode(this.#context, { gain: 0 });
    gain.gain.linearRampToValueAtTime(0.12, currentTime + 0.02);
    gain.gain.exponentialRampToValueAtTime(0.001, currentTime + 0.4);
    const tone = new OscillatorNode(this.#context, { frequency: 660 });
    tone.frequency.setValueAtTime(880, currentTime + 0.1);
    tone.connect(gain).connect(destination);
    tone.start();
    tone.stop(currentTime + 0.4);
  }
}
