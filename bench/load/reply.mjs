/** Answers each message of the benchmark with what `work` makes of it, or with its failure. */
export function answerWith(work) {
  process.on('message', (message) => {
    work(message).then(
      (answer) => process.send(answer),
      (error) => process.send({ error: String(error.stack ?? error) }),
    );
  });
  process.on('disconnect', () => process.exit());
}
