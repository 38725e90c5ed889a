// The official clients of Node against a server whose backend is a fake; run by
// tests/scenario/dialects/test_node.py, which says where: WEIR_URL, WEIR_MODEL, and WEIR_DIALECT.
//
// The fake answers what the question says: "text", "tools" or "cut".
import assert from 'node:assert/strict';
import { test } from 'node:test';

import Anthropic from '@anthropic-ai/sdk';
import { Ollama } from 'ollama';
import OpenAI from 'openai';

const { WEIR_URL: url, WEIR_MODEL: model, WEIR_DIALECT: dialect } = process.env;
const TEXT = 'Grüße — 你好 😀 "quoted" \\ and\nlines.';
const CITY = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const ARGUMENTS = { city: 'Pa"ris 😀' };
const apiKey = 'client-key-0123456789';

const openai = () => new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
const user = (content) => [{ role: 'user', content }];

// Each: plain() and stream() give {text, calls: [{name, arguments}], finish, models, tokensIn}.
const clients = {
  'openai-chat': {
    tools: [{ type: 'function', function: { name: 'get_weather', parameters: CITY } }],
    async plain(question, tools) {
      const answer = await openai().chat.completions.create({ model, messages: user(question), tools });
      const [choice] = answer.choices;
      return {
        text: choice.message.content ?? '',
        calls: (choice.message.tool_calls ?? []).map(({ function: f }) =>
          ({ name: f.name, arguments: JSON.parse(f.arguments) })),
        finish: choice.finish_reason, models: [answer.model], tokensIn: answer.usage.prompt_tokens,
      };
    },
    async stream(question, tools) {
      const stream = openai().chat.completions.stream({
        model, messages: user(question), tools, stream_options: { include_usage: true } });
      const answer = await stream.finalChatCompletion();
      const [choice] = answer.choices;
      return {
        text: choice.message.content ?? '',
        calls: (choice.message.tool_calls ?? []).map(({ function: f }) =>
          ({ name: f.name, arguments: JSON.parse(f.arguments) })),
        finish: choice.finish_reason, models: [answer.model], tokensIn: answer.usage.prompt_tokens,
      };
    },
    finish: ['stop', 'tool_calls'],
    error: OpenAI.OpenAIError,
  },

  'openai-responses': {
    tools: [{ type: 'function', name: 'get_weather', parameters: CITY, strict: false }],
    read(answer) {
      return {
        text: answer.output_text,
        calls: answer.output.filter(({ type }) => type === 'function_call')
          .map((item) => ({ name: item.name, arguments: JSON.parse(item.arguments) })),
        finish: answer.status, models: [answer.model], tokensIn: answer.usage.input_tokens,
      };
    },
    async plain(question, tools) {
      return this.read(await openai().responses.create({ model, input: question, tools }));
    },
    async stream(question, tools) {
      return this.read(await openai().responses.stream({ model, input: question, tools })
        .finalResponse());
    },
    finish: ['completed', 'completed'],
    error: OpenAI.OpenAIError,
  },

  anthropic: {
    tools: [{ name: 'get_weather', input_schema: CITY }],
    client: () => new Anthropic({ baseURL: url, apiKey, maxRetries: 0 }),
    read(answer) {
      return {
        text: answer.content.filter(({ type }) => type === 'text').map(({ text }) => text).join(''),
        calls: answer.content.filter(({ type }) => type === 'tool_use')
          .map(({ name, input }) => ({ name, arguments: input })),
        finish: answer.stop_reason, models: [answer.model],
        tokensIn: answer.usage.input_tokens + (answer.usage.cache_read_input_tokens ?? 0),
      };
    },
    async plain(question, tools) {
      return this.read(await this.client().messages.create({
        model, max_tokens: 500, messages: user(question), tools }));
    },
    async stream(question, tools) {
      return this.read(await this.client().messages.stream({
        model, max_tokens: 500, messages: user(question), tools }).finalMessage());
    },
    finish: ['end_turn', 'tool_use'],
    error: Anthropic.AnthropicError,
  },

  ollama: {
    tools: [{ type: 'function', function: { name: 'get_weather', parameters: CITY } }],
    client: () => new Ollama({ host: url }),
    async plain(question, tools) {
      const answer = await this.client().chat({ model, messages: user(question), tools });
      return {
        text: answer.message.content,
        calls: (answer.message.tool_calls ?? []).map(({ function: f }) =>
          ({ name: f.name, arguments: f.arguments })),
        finish: answer.done_reason, models: [answer.model], tokensIn: answer.prompt_eval_count,
      };
    },
    async stream(question, tools) {
      const seen = { text: '', calls: [], models: [] };
      for await (const part of await this.client().chat({
        model, messages: user(question), tools, stream: true })) {
        seen.text += part.message.content;
        seen.calls.push(...(part.message.tool_calls ?? []).map(({ function: f }) =>
          ({ name: f.name, arguments: f.arguments })));
        seen.models.push(part.model);
        if (part.done) Object.assign(seen, { finish: part.done_reason,
          tokensIn: part.prompt_eval_count });
      }
      return seen;
    },
    finish: ['stop', 'stop'],
    error: Error,
  },
};

const client = clients[dialect];
assert.ok(client, `WEIR_DIALECT: ${dialect}`);

for (const way of ['plain', 'stream']) {
  test(`${dialect} ${way}`, async () => {
    const seen = await client[way]('text');
    assert.equal(seen.text, TEXT);
    assert.deepEqual(seen.calls, []);
    assert.equal(seen.finish, client.finish[0]);
    assert.deepEqual([...new Set(seen.models)], [model]);
    assert.equal(seen.tokensIn, 57);
  });

  test(`${dialect} tools ${way}`, async () => {
    const seen = await client[way]('tools', client.tools);
    assert.equal(seen.text, '');
    assert.deepEqual(seen.calls, [{ name: 'get_weather', arguments: ARGUMENTS }]);
    assert.equal(seen.finish, client.finish[1]);
    assert.deepEqual([...new Set(seen.models)], [model]);
  });
}

test(`${dialect} cut stream`, async () => {
  await assert.rejects(client.stream('cut'), client.error);
});
