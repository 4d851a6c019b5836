/** One event of a stream; comments (pings) are left out. */
export interface SseEvent {
  readonly event: string;
  readonly data: unknown;
}

/** A GraphQL subscription over server-sent events, read as it comes. */
export interface SseStream {
  readonly status: number;
  /** The next event; null when the server has ended the stream. */
  next(): Promise<SseEvent | null>;
  /** Goes away without a word, as a closed browser tab does. */
  abandon(): void;
}

export async function openSse(url: string, query: string, variables: object = {}): Promise<SseStream> {
  const abort = new AbortController();
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({ query, variables }),
    signal: abort.signal,
  });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let buffered = '';
  return {
    status: response.status,
    async next() {
      for (;;) {
        const end = buffered.indexOf('\n\n');
        if (end >= 0) {
          const event = parse(buffered.slice(0, end));
          buffered = buffered.slice(end + 2);
          if (event !== null) return event;
          continue;
        }
        const { value, done } = await reader.read();
        if (done) return null;
        buffered += value;
      }
    },
    abandon: () => abort.abort(),
  };
}

function parse(block: string): SseEvent | null {
  const fields = new Map(
    block.split('\n').map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }),
  );
  const event = fields.get('event');
  if (event === undefined) return null;
  const data = fields.get('data');
  return { event, data: data ? JSON.parse(data) : null };
}
