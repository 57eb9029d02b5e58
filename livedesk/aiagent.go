package livedesk

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// AIAgent answers customers in place of a human. An engine is given its AI agents by name in [Config] AIAgents; a channel
// names those that it uses, a routing rule may name one, and so may a person ([Desk.Transfer]).
//
// An AIAgent is an untrusted caller: it gets one conversation and nothing of another, no number and no credential, and its
// words pass its [AIPolicy] and then the same gates as any text that goes out. It must be safe for concurrent use; there is
// one turn at a time per conversation.
type AIAgent interface {
	// Answer takes one turn. It must end with ctx, which ends with the deadline ([AIConfig] Timeout); one that doesn't is
	// left to itself and goes on using up one of [Config] AIWorkers. No transaction is open meanwhile.
	//
	// After a crash the same turn is taken again with the same ID, so whatever it does beyond answering must be idempotent
	// by that ID; [Turn.Do] keeps what was done. At most one answer of a turn counts. One that comes after the customer
	// wrote again, or after the conversation went to a human or was resolved, is dropped; the timeline says so. An error, a
	// panic, an answer that is empty, too long or not UTF-8, and silence until the deadline hand the conversation to humans.
	Answer(ctx context.Context, t Turn) (Answer, error)
}

// AIConfig is an [AIAgent] as an engine runs it.
type AIConfig struct {
	// Name is how channels and rules name it: 1 to 128 bytes, unique. Every process that takes webhooks in or runs should
	// be given the same names: a process passes over one that it wasn't given.
	Name  string
	Agent AIAgent
	// Timeout is how long a turn may take. Zero means 30 s; at most 10 min.
	Timeout time.Duration
	// History is how many of the conversation's newest texts a turn shows, of at most 64 KiB together. Zero means 50; at
	// most 400.
	History int
	// Notes lets turns show private notes too. A model that the customer talks round may repeat them.
	Notes bool
	// Policy looks at each text before it is stored, and may hold it back or change it. nil means that none does.
	Policy AIPolicy
}

// Turn is what an [AIAgent] may know.
type Turn struct {
	ID           string      `json:"id"` // the same when the turn is taken again, and of no other turn
	Workspace    string      `json:"workspace"`
	Conversation string      `json:"conversation"` // its id
	Channel      string      `json:"channel"`      // its name
	Language     string      `json:"language,omitempty"`
	Contact      TurnContact `json:"contact"`
	// Transcript is of this conversation only, the oldest first; the last lines are what is to be answered.
	Transcript []Line `json:"transcript"`
	// MaxText is how many characters an answer may have at most.
	MaxText int `json:"max_text"`

	steps *steps
}

// TurnContact is what an [AIAgent] may know of the customer.
type TurnContact struct {
	Name       string            `json:"name,omitempty"`
	Language   string            `json:"language,omitempty"` // BCP 47
	Attributes map[string]string `json:"attributes,omitempty"`
}

// Line is one text of a [Turn].
type Line struct {
	By    ActorKind `json:"by"`             // [ActorSystem] for automatic texts
	Note  bool      `json:"note,omitempty"` // private: the customer doesn't see it
	Step  string    `json:"step,omitempty"` // name of a step that the AI agent took ([Turn.Do]); Text is its result
	Text  string    `json:"text"`
	Media int       `json:"media,omitempty"` // attachments
	At    time.Time `json:"at"`
}

// Answer is what an [AIAgent] does with its turn.
type Answer struct {
	// Text goes to the customer. It may be empty only when the AI agent doesn't stay.
	Text   string
	Then   Then
	Reason string // why it hands over or resolves, for people; at most 256 bytes of it are kept
	Note   string // private, for the humans who take over; empty for none. At most 8 KiB of it are kept

	held string // why the policy holds the text back; empty when it doesn't
	was  string // the text before the policy changed it; empty when it didn't
}

// Then is what comes after an [AIAgent]'s turn.
type Then string

// What can follow a turn.
const (
	Stay     Then = ""          // it goes on with the conversation
	HandOver Then = "hand_over" // humans take over
	Finish   Then = "finish"    // the conversation is resolved
)

// AIActor returns the Actor of an AI agent.
func AIActor(name string) Actor { return Actor{ActorAI, name} }

const (
	defaultAITimeout = 30 * time.Second
	maxAITimeout     = 10 * time.Minute
	defaultHistory   = 50
	maxHistory       = 400
	maxChannelAIs    = 20
	maxAIReplies     = 100_000
)

func (c AIConfig) withDefaults() AIConfig {
	if c.Timeout == 0 {
		c.Timeout = defaultAITimeout
	}
	if c.History == 0 {
		c.History = defaultHistory
	}
	return c
}

// lease is for how long a turn's job is a worker's: the deadline, and what two transactions may take.
func (c AIConfig) lease() time.Duration { return c.Timeout + 3*storeTimeout }

// checkAIs returns what is wrong with a list of AI agents.
func checkAIs(list []AIConfig) (errs []error) {
	names := map[string]bool{}
	for i, a := range list {
		field := fmt.Sprintf("AIAgents[%d]", i)
		if err := checkID(field+".Name", a.Name); err != nil {
			errs = append(errs, err)
		}
		if names[a.Name] {
			errs = append(errs, invalid(field+".Name", "is the name of another one"))
		}
		names[a.Name] = true
		if a.Agent == nil {
			errs = append(errs, invalid(field+".Agent", "is nil"))
		}
		if a.Timeout < 0 || a.Timeout > maxAITimeout {
			errs = append(errs, invalid(field+".Timeout", "must be between 0 and 10 min"))
		}
		if a.History < 0 || a.History > maxHistory {
			errs = append(errs, invalid(field+".History", "must be between 0 and 400"))
		}
	}
	return errs
}

// checkAINames returns what is wrong with the AI agents that a channel names. A process that runs none can't tell whether
// there is one of a name.
func (e *Engine) checkAINames(names []string) (errs []error) {
	if len(names) > maxChannelAIs {
		return []error{invalid("ai_agents", "has more than 20")}
	}
	for i, name := range names {
		field := fmt.Sprintf("ai_agents[%d]", i)
		_, known := e.ais[name]
		switch err := checkID(field, name); {
		case err != nil:
			errs = append(errs, err)
		case slices.Contains(names[:i], name):
			errs = append(errs, invalid(field, "is in the list twice"))
		case !known && len(e.ais) > 0:
			errs = append(errs, invalid(field, "is not one of Config.AIAgents"))
		}
	}
	return errs
}
