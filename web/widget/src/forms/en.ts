/** The texts of what comes after the panel, in English; every other language has them beside the panel's. */
import type files from "../files/en.ts";
import type { Strings } from "../locales/en.ts";

const en = {
  more: "More options",
  handoff: "Talk to a person",
  handoffOnline: "Somebody is here now",
  handoffAway: "Nobody is here right now",
  waiting: "Waiting for a person",
  joined: "{name} has joined the conversation.",
  left: "{name} answers again.",
  answering: "{name} is answering",
  closed: "This conversation is closed. Write to open it again.",
  rateChat: "How was this conversation?",
  good: "Good answer",
  bad: "Bad answer",
  thanks: "Thank you for your feedback.",
  comment: "Tell us more",
  optional: "optional",
  cancel: "Cancel",
  back: "Back to the conversation",
  lead: "Leave your details",
  leadIntro: "Leave an address, and we can answer you there.",
  leadDone: "Thank you. We have your details.",
  gate: "Before we start",
  gateIntro: "Tell us how to reach you. Then the chat begins.",
  start: "Start the chat",
  name: "Name",
  email: "Email",
  phone: "Phone",
  company: "Company",
  subject: "Subject",
  description: "Description",
  required: "Fill in this field.",
  check: "Check what you entered here.",
  address: "Enter an email address or a phone number.",
  ticket: "Open a ticket",
  ticketIntro: "Describe what you need. We will get back to you.",
  ticketDone: "Your ticket has the number {n}. We will get back to you.",
  notTaken: "This is not possible here at the moment.",
  sound: "Sound",
};
export type FormStrings = Strings & typeof en;
/** What each of the other languages has. */
export type AllStrings = Strings & typeof en & typeof files;
export default en;
