// Package aiagent is a [livedesk.AIAgent] over any endpoint that speaks OpenAI's chat-completion API: OpenAI's own, vLLM,
// Ollama, llama.cpp, LM Studio, and the gateways of most other vendors.
//
//	agent, err := aiagent.New(aiagent.Config{
//		BaseURL: "https://api.openai.com/v1", APIKey: sms.NewSecret(os.Getenv("OPENAI_API_KEY")),
//		Model: "gpt-4.1-mini", Instructions: "You answer for Bella's, a restaurant. Opening hours: …",
//	})
//	engine, err := livedesk.New(store, livedesk.Config{AIAgents: []livedesk.AIConfig{{Name: "bella", Agent: agent}}})
//
// The model sees the instructions, what a [livedesk.Turn] holds, and two functions: to hand the conversation to a human, and
// to resolve it. It can't do anything else, but call what the host gives it as a [Tool]: it has no way to another
// conversation, contact or number.
//
// A customer can talk it into saying anything, though. An answer that repeats what only the model was told is held back: each
// request has a random mark in it, which no answer may hold, and neither may one hold long pieces of it word for word. That
// stops a model that recites and none that tells it in other words, so what it must not say must not be in the instructions.
// [NewLinkPolicy] makes the policy ([livedesk.AIConfig] Policy) that holds back links, addresses and telephone numbers which
// aren't the host's. It stands here and not in package livedesk because finding them well takes a list of the internet's
// domains (mvdan.cc/xurls) and Unicode's compatibility forms (golang.org/x/text), which not every host wants to link; any
// AI agent can use it.
//
// It is a module of its own, so that a host which doesn't use it gets none of its dependencies.
package aiagent
