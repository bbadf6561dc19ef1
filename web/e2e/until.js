/** The first of `list` that `found` takes, now or once it comes; whoever adds to the list calls what is in `waiting`. */
export function until(list, waiting, found, missing, patience = 30_000) {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      waiting.delete(look);
    };
    const look = () => {
      const one = list.find(found);
      if (one === undefined) return;
      end();
      resolve(one);
    };
    const timer = setTimeout(() => {
      end();
      reject(new Error(missing()));
    }, patience);
    waiting.add(look);
    look();
  });
}
