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
// to resolve it. It can't do anything else, but call the [Tool]s that
// the host gives it: it has no way to another conversation, contact or number. A customer can talk it
// into saying anything, though, so what it must not say must not be in the instructions.
//
// It is a module of its own, so that a host which doesn't use it gets none of its dependencies.
package aiagent
