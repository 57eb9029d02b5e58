package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/livedesk/livedesk-go/livedesk"
)

// Two AI agents without a model, so that the desk shows what one does without an account: they go by words, and answer the
// same today and tomorrow. A real one is livedesk/aiagent, or whatever has an Answer.

// bots are what a desk with simulated carriers has; a channel's page switches them on.
func bots() []livedesk.AIConfig {
	return []livedesk.AIConfig{{Name: "nora", Agent: nora{}}, {Name: "reception", Agent: reception{}}}
}

func botNames() (names []string) {
	for _, b := range bots() {
		names = append(names, b.Name)
	}
	return names
}

// nora answers what is asked most.
type nora struct{}

var orderNumber = regexp.MustCompile(`\d{3,}`)

// Answer implements [livedesk.AIAgent].
func (nora) Answer(ctx context.Context, t livedesk.Turn) (livedesk.Answer, error) {
	asked := strings.Join(unanswered(t), " ")
	words := strings.FieldsFunc(strings.ToLower(asked), func(r rune) bool { return strings.ContainsRune(" .,;:!?\n", r) })
	says := func(one ...string) bool {
		return slices.ContainsFunc(one, func(w string) bool { return slices.Contains(words, w) })
	}
	switch number := orderNumber.FindString(asked); {
	case says("human", "agent", "person", "somebody", "refund", "complaint"):
		return livedesk.Answer{
			Text: "I'll get a colleague for you.", Then: livedesk.HandOver, Reason: "asks for a person",
			Note: "They wrote: " + asked,
		}, nil
	case number != "":
		// A step: its result is in the timeline, and it isn't done twice when this process dies over the turn.
		state, err := t.Do(ctx, "look up order", number, func(context.Context, string) (string, error) {
			return fmt.Sprintf("Order %s was packed this morning and arrives tomorrow.", number), nil
		})
		return livedesk.Answer{Text: state}, err
	case says("order", "parcel", "delivery"):
		return livedesk.Answer{Text: "Which order is it? Its number is on the invoice."}, nil
	case says("open", "hours", "closed", "when"):
		return livedesk.Answer{Text: "We are open Monday to Friday from 9 to 5."}, nil
	case says("thanks", "thank", "bye", "great"):
		return livedesk.Answer{Text: "You're welcome. Bye!", Then: livedesk.Finish, Reason: "has what they wanted"}, nil
	}
	return livedesk.Answer{Text: "I'm Nora, an assistant. I know our opening hours and where your order is. For anything else write “human”."}, nil
}

// reception asks what it is about, and then gets somebody.
type reception struct{}

// Answer implements [livedesk.AIAgent].
func (reception) Answer(_ context.Context, t livedesk.Turn) (livedesk.Answer, error) {
	if !slices.ContainsFunc(t.Transcript, func(l livedesk.Line) bool { return l.By == livedesk.ActorAI }) {
		return livedesk.Answer{Text: "Welcome to Northwind. In a few words, what is it about?"}, nil
	}
	return livedesk.Answer{
		Text: "Thank you, somebody will be with you shortly.", Then: livedesk.HandOver, Reason: "said what it is about",
		Note: "It is about: " + strings.Join(unanswered(t), " "),
	}, nil
}

// unanswered returns what the customer wrote since the desk's last text.
func unanswered(t livedesk.Turn) (texts []string) {
	for _, l := range t.Transcript {
		switch {
		case l.By == livedesk.ActorCustomer:
			texts = append(texts, l.Text)
		case l.By == livedesk.ActorAI && l.Step == "" || l.By == livedesk.ActorAgent && !l.Note:
			texts = nil
		}
	}
	return texts
}
