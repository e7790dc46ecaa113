/** Warn before the page closes while `isUnsaved` says so; returns a function that stops it. */
export function warnBeforeUnload(isUnsaved: () => boolean): () => void {
  const onUnload = (event: BeforeUnloadEvent) => {
    if (!isUnsaved()) return;
    event.preventDefault();
    // older browsers ask only if a value is set
    event.returnValue = "There are unsaved annotations.";
  };
  window.addEventListener("beforeunload", onUnload);
  return () => window.removeEventListener("beforeunload", onUnload);
}
