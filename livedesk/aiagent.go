package livedesk

import "context"

// AIAgent answers customers in place of a human. The engine of this version doesn't call one yet: conversations go to
// human agents. The interface stands so that hosts and the aiagent module can be written against it.
//
// An AIAgent is an untrusted caller: it gets one conversation, and its words pass the same gates as any text that goes
// out. It must be safe for concurrent use; there is one turn at a time per conversation.
type AIAgent interface {
	// Answer takes one turn. It must end with ctx. After a crash the same turn is taken again with the same ID, so
	// whatever it does beyond answering must be idempotent by that ID. An error hands the conversation to humans.
	Answer(ctx context.Context, t Turn) (Answer, error)
}

// Turn is what an [AIAgent] may know.
type Turn struct {
	ID           string       // the same when the turn is taken again
	Conversation Conversation // as it was when the turn began
	Contact      Contact
	Transcript   []Message // texts only, oldest first; the last are what is to be answered
}

// Answer is what an [AIAgent] does with its turn.
type Answer struct {
	Text   string // to the customer; empty for none
	Then   Then
	Reason string // why it hands over or resolves, for people
	Note   string // private, for the humans who take over; empty for none
}

// Then is what comes after an [AIAgent]'s turn.
type Then string

// What can follow a turn.
const (
	Stay     Then = ""          // it goes on with the conversation
	HandOver Then = "hand_over" // humans take over
	Finish   Then = "finish"    // the conversation is resolved
)

// ContactSource tells what the host knows of a contact that is new to the desk. The engine of this version doesn't call
// one yet. It is asked once for each new contact, after the text was taken in and before it is routed, with two seconds;
// an error or silence means that it is routed without.
type ContactSource interface {
	// Lookup returns name, external id, language, zone, attributes and labels; other fields don't count. [ErrNotFound]
	// means that the host doesn't know the address either.
	Lookup(ctx context.Context, workspace string, c Contact) (Contact, error)
}
