/** The texts of files, in English. */
const en = {
  attach: "Attach a file",
  drop: "Drop files here",
  remove: "Remove {name}",
  uploading: "{name} is being uploaded",
  uploaded: "{name} is attached",
  fileTooLarge: "{name} is too large. A file may have {size} at most.",
  fileType: "{name} cannot be sent. Images, PDF and text files can.",
  fileEmpty: "{name} is empty.",
  fileFailed: "{name} could not be uploaded.",
  fileCount: "A message can have {n} files at most.",
};
export default en;
