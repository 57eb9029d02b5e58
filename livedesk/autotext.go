package livedesk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// Texts that the desk sends by itself, and the variables in them. Rendering is pure.

// The variables that an automatic text may name, as "{{contact}}"; blanks inside the braces don't count. A value that is
// missing leaves nothing, and takes the blank before it along: "Hi {{contact}}!" becomes "Hi!".
const (
	VarContact = "contact" // the contact's name; missing while it is unknown
	VarChannel = "channel" // the channel's name
	// VarAgent is the name of the human agent who has the conversation, or gets it together with the text that is answered; the
	// channel's name where nobody has it, an AI agent has, or the agent has no name.
	VarAgent    = "agent"
	VarNextOpen = "next_open" // when the desk opens next, in the language of the channel; missing while it is open, or for ever closed
)

var variables = []string{VarContact, VarChannel, VarAgent, VarNextOpen}

// maxValue is how many characters of a value are used.
const maxValue = 60

// piece is a part of a template: literal text, or a variable.
type piece struct{ literal, name string }

// parseTemplate cuts a text at its variables. The error names what can't be used, in the words of a [ValidationError].
func parseTemplate(text string) (pieces []piece, err error) {
	for text != "" {
		before, rest, found := strings.Cut(text, "{{")
		if before != "" {
			pieces = append(pieces, piece{literal: before})
		}
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}}")
		name = strings.TrimSpace(name)
		switch {
		case !closed:
			return nil, errors.New("has {{ without }}")
		case !slices.Contains(variables, name):
			return nil, fmt.Errorf("names {{%s}}; there are only {{%s}}", truncate(channel.Clean(name), 32), strings.Join(variables, "}}, {{"))
		}
		pieces, text = append(pieces, piece{name: name}), after
	}
	return pieces, nil
}

// render puts values in. They are taken as they are: braces in them mean nothing.
func render(pieces []piece, values map[string]string) string {
	var b []byte
	for _, p := range pieces {
		if p.name == "" {
			b = append(b, p.literal...)
			continue
		}
		v := value(values[p.name])
		if n := len(b); v == "" && n > 0 && b[n-1] == ' ' {
			b = b[:n-1]
		}
		b = append(b, v...)
	}
	return strings.TrimSpace(string(b))
}

// value is a variable's value as it is used: one line, without controls, of bounded length.
func value(s string) string {
	return sms.Split(strings.Join(strings.Fields(channel.Clean(truncate(s, 8*maxValue))), " "), maxValue)[0]
}

// words cuts a saved text at its variables. One that can't be parsed was checked when it was saved, so it comes from elsewhere;
// it is sent as it is.
func words(text string) []piece {
	pieces, err := parseTemplate(text)
	if err != nil {
		return []piece{{literal: text}}
	}
	return pieces
}

// names reports whether a text names a variable.
func names(words []piece, variable string) bool {
	return slices.ContainsFunc(words, func(p piece) bool { return p.name == variable })
}

// fill renders a text for a thread; agent is the name of who has the conversation, empty for nobody.
func (u *unit) fill(t *thread, words []piece, agent string) string {
	name := t.info.channel.Name()
	values := map[string]string{VarContact: t.contact.Name, VarChannel: name, VarAgent: cmp.Or(agent, name)}
	if names(words, VarNextOpen) {
		values[VarNextOpen] = u.nextOpen(t)
	}
	return channel.Clean(render(words, values))
}

// nameless is a text that names the agent who has its conversation, and was stored before that was settled.
type nameless struct {
	thread *thread
	conv   *conv
	words  []piece
	parts  []*Message
}

// nameAgents puts the agents' names into texts that name them, now that everybody has been assigned. Who has no name stays
// the channel, and so does one whose name would take a message more.
func (u *unit) nameAgents(ctx context.Context) error {
	known, err := u.agentNames(ctx)
	if err != nil {
		return err
	}
	for _, n := range u.nameless {
		name := known[objectKey{n.conv.now.Workspace, n.conv.now.Assignee}]
		parts, err := Draft{Text: u.fill(n.thread, n.words, name)}.parts(n.thread.info)
		if name == "" || err != nil || len(parts) != len(n.parts) {
			continue
		}
		for i, text := range parts {
			n.parts[i].Text, n.parts[i].Delivery.Segments = text, sms.Measure(text).Segments
		}
	}
	return nil
}

// agentNames are the names of the agents who have the conversations of nameless texts; it asks only for those who aren't loaded.
func (u *unit) agentNames(ctx context.Context) (map[objectKey]string, error) {
	known, ask := map[objectKey]string{}, map[string][]string{}
	for _, n := range u.nameless {
		key := objectKey{n.conv.now.Workspace, n.conv.now.Assignee}
		switch a := u.agents[key]; {
		case a != nil:
			known[key] = a.now.Name
		case key.id != "" && !slices.Contains(ask[key.workspace], key.id):
			ask[key.workspace] = append(ask[key.workspace], key.id)
		}
	}
	for _, workspace := range slices.Sorted(maps.Keys(ask)) {
		agents, err := u.tx.Agents(ctx, workspace, ask[workspace])
		if err != nil {
			return nil, err
		}
		for _, a := range agents {
			known[objectKey{workspace, a.ID}] = a.Name
		}
	}
	return known, nil
}

// nextOpen says when the desk opens next, for a thread's channel, in its schedule's zone and the channel's language.
func (u *unit) nextOpen(t *thread) string {
	if t.info.openAt(u.now) {
		return ""
	}
	opens, _ := t.info.hours.next(u.now)
	return nextOpenWords(t.info.channel.Language, u.now, opens, opens.Location())
}

// ConsentTexts answer STOP, START and HELP where the carrier doesn't do it itself ([sms.AutoResponder]): each change of
// consent gets one, and HELP one, within five minutes or not at all, never more than five automatic texts in a row without a
// human. They may name the variables of automatic texts. The law allows one such text after STOP, and no marketing in it
// (47 CFR 64.1200(a)(12)); who writes one is responsible for its words.
type ConsentTexts struct {
	OptOut string `json:"opt_out,omitempty"` // empty means a default in the channel's language
	OptIn  string `json:"opt_in,omitempty"`  // likewise
	Help   string `json:"help,omitempty"`    // likewise
	Off    bool   `json:"off,omitempty"`     // none of them is sent
}

// consentDefaults are GSM-7, and one segment each with a name of up to 30 characters.
var consentDefaults = map[string]ConsentTexts{
	"en": {
		OptOut: "{{channel}}: you have opted out and will get no more messages. Reply START to get them again.",
		OptIn:  "{{channel}}: you will get our messages again. Reply STOP to opt out, HELP for help.",
		Help:   "{{channel}}: write to us here and somebody will answer. Reply STOP to opt out.",
	},
	"fr": {
		OptOut: "{{channel}} : vous ne recevrez plus de messages de notre part. Envoyez START pour en recevoir de nouveau.",
		OptIn:  "{{channel}} : vous recevrez de nouveau nos messages. Envoyez STOP pour ne plus en recevoir, AIDE pour de l'aide.",
		Help:   "{{channel}} : écrivez-nous ici et quelqu'un vous répondra. Envoyez STOP pour ne plus recevoir de messages.",
	},
	"es": {
		OptOut: "{{channel}}: ya no va a recibir mensajes nuestros. Responda START para volver a recibirlos.",
		OptIn:  "{{channel}}: va a recibir de nuevo nuestros mensajes. Responda STOP para no recibir mas, AYUDA para ayuda.",
		Help:   "{{channel}}: escribanos por este medio y le responderemos. Responda STOP para no recibir mas mensajes.",
	},
}

func (t ConsentTexts) withDefaults(language string) ConsentTexts {
	base, _, _ := strings.Cut(strings.ToLower(language), "-")
	def, ok := consentDefaults[base]
	if !ok {
		def = consentDefaults["en"]
	}
	for _, f := range []struct{ text, def *string }{{&t.OptOut, &def.OptOut}, {&t.OptIn, &def.OptIn}, {&t.Help, &def.Help}} {
		if *f.text == "" {
			*f.text = *f.def
		}
	}
	return t
}

// maxAutoText is the longest automatic text as it is saved, in characters.
const maxAutoText = 1600

// checkTexts returns what is wrong with the channel's automatic texts.
func (c Channel) checkTexts() error {
	var errs []error
	for _, f := range []struct{ field, text string }{
		{"greeting", c.Greeting}, {"closed_hours.text", c.ClosedHours.Text}, {"consent_texts.opt_out", c.ConsentTexts.OptOut},
		{"consent_texts.opt_in", c.ConsentTexts.OptIn}, {"consent_texts.help", c.ConsentTexts.Help},
	} {
		if err := checkAutoText(f.field, f.text); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// checkAutoText returns what is wrong with an automatic text; an empty one is fine.
func checkAutoText(field, text string) error {
	_, err := parseTemplate(text)
	switch {
	case utf8.RuneCountInString(text) > maxAutoText:
		return invalid(field, "is too long (at most 1600 characters)")
	case text != "" && strings.TrimSpace(text) == "":
		return invalid(field, "is blank; leave it empty to turn it off")
	case err != nil:
		return invalid(field, err.Error())
	}
	return nil
}
