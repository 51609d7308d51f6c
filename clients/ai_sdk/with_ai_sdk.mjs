// The AI SDK with its provider for OpenAI-compatible servers; it lists no models. As told.py has it for Python.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { Output, generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";

const base = process.argv[2];
const facts = JSON.parse(process.argv[3]);
const provider = createOpenAICompatible({
  name: "suite",
  baseURL: base,
  apiKey: "unused",
  supportsStructuredOutputs: true,
});
const common = { model: provider("Llama"), maxRetries: 0 };
const schema = jsonSchema(facts.schema);
const weather = tool({ description: "The weather of a city.", inputSchema: schema });

function check(holds, said) {
  if (!holds) throw new Error(said);
}

function checkSchema(data) {
  const fits = typeof data?.city === "string" && Number.isInteger(data?.people);
  check(fits, `not of the schema: ${JSON.stringify(data)}`);
}

async function cancelled() {
  const answer = await fetch(base.replace(/\/v1$/, "/performance"));
  return (await answer.json()).cancelled_requests;
}

const operations = {
  async chat() {
    const { text, usage } = await generateText({ ...common, prompt: facts.question, maxOutputTokens: 60 });
    check(text, "no text");
    check(usage.outputTokens, "no usage");
  },

  async stream() {
    let pieces = 0;
    const { textStream } = streamText({ ...common, prompt: facts.question, maxOutputTokens: 60 });
    for await (const _ of textStream) pieces += 1;
    check(pieces > 1, "the text came in one piece");
  },

  async "stop early"() {
    const before = await cancelled();
    const stop = new AbortController();
    const ask = { ...common, prompt: facts.endless, maxOutputTokens: 1000, abortSignal: stop.signal };
    const { textStream } = streamText({ ...ask, onAbort: () => {}, onError: () => {} });
    for await (const _ of textStream) {
      stop.abort();
      break;
    }
    const left = Date.now();
    while ((await cancelled()) === before) {
      check(Date.now() - left < 2000, "the service goes on for two seconds");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return `stopped after ${((Date.now() - left) / 1000).toFixed(2)} s`;
  },

  async "JSON schema"() {
    const output = Output.object({ schema });
    const answer = await generateText({ ...common, prompt: "서울의 인구는?", output });
    checkSchema(answer.output);
  },

  async "forced tool"() {
    const ask = { ...common, prompt: "서울 날씨는?", tools: { weather }, stopWhen: stepCountIs(1) };
    for (const toolChoice of ["required", { type: "tool", toolName: "weather" }]) {
      const { toolCalls } = await generateText({ ...ask, toolChoice });
      check(toolCalls.length === 1 && toolCalls[0].toolName === "weather", "no call");
      checkSchema(toolCalls[0].input);
    }
  },

  async "tools, auto"() {
    const ask = { ...common, prompt: facts.question, tools: { weather }, maxOutputTokens: 60 };
    const { text, toolCalls } = await generateText({ ...ask, stopWhen: stepCountIs(1) });
    check(text || toolCalls.length, "neither text nor a call");
  },

  async continue() {
    const begun = "하나, 둘, 셋,";
    const messages = [
      { role: "user", content: "열까지 세어 주세요." },
      { role: "assistant", content: begun },
    ];
    const { text } = await generateText({ ...common, messages, maxOutputTokens: 30 });
    check(text && !text.startsWith(begun), JSON.stringify(text));
  },

  async "200 turns"() {
    const messages = [];
    for (const question of facts.turns) {
      messages.push({ role: "user", content: question });
      const { text } = await generateText({ ...common, messages, maxOutputTokens: 4 });
      check(text, `no text in turn ${messages.length}`);
      messages.push({ role: "assistant", content: text });
    }
  },
};

function verdict(error) {
  const whole = `${error} ${error.responseBody ?? ""} ${error.lastError?.responseBody ?? ""}`;
  return { outcome: "failed", detail: whole.slice(0, 600) };
}

for (const operation of facts.operations) {
  let came = { outcome: "absent", detail: "" };
  if (operations[operation]) {
    try {
      came = { outcome: "ok", detail: (await operations[operation]()) ?? "" };
    } catch (error) {
      came = verdict(error);
    }
  }
  console.log(JSON.stringify({ operation, ...came }));
}
