/* What may be sent, said before it is tried; the server judges again, by the bytes. */
import { size } from "./format.js";

export const ACCEPT = "image/png,image/jpeg,image/gif,image/webp,application/pdf,audio/*,video/mp4,video/webm,.amr,.m4a";
export const MOST_FILES = 5;
const MEGABYTES = 10;
const KINDS = /^(image\/(png|jpeg|gif|webp)|application\/pdf|audio\/.+|video\/(mp4|webm))$/;
const NAMES = /\.(png|jpe?g|gif|webp|pdf|mp3|amr|ogg|wav|m4a|mp4|webm)$/i;

/** Why this file cannot be sent, in words; null when it can. */
export function refusal(file, say) {
  const name = file.name.length > 24 ? `${file.name.slice(0, 12)}…${file.name.slice(-9)}` : file.name;
  if (file.type ? !KINDS.test(file.type) : !NAMES.test(file.name)) return say.wrongKind(name);
  if (file.size > MEGABYTES * 1024 * 1024) return say.tooBig(name, size(file.size), MEGABYTES);
  return file.size ? null : say.emptyFile(name);
}

export const isPicture = (file) => file.type.startsWith("image/");
