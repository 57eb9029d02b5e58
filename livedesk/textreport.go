package livedesk

import (
	"context"
	"fmt"
	"strings"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// What a text takes to send, told before it is sent or saved.

// Preview tells what sending a draft on a channel takes, without sending it: the messages that it leaves as, with encoding and
// segments of each, and the characters that make it UCS-2. Where the channel transliterates, it is about what leaves then. The
// error is a [ValidationError] for what [Desk.Reply] would refuse, with the same field: an empty text, or one that is too
// long. A draft with media leaves as an MMS, which carriers bill otherwise. It asks nobody, and is for every key stroke.
func (d *Desk) Preview(ctx context.Context, channelID string, draft Draft) (sms.Inspection, error) {
	info, err := d.e.snap.channel(ctx, d.workspace, channelID)
	if err != nil {
		return sms.Inspection{}, fmt.Errorf("preview: %w", err)
	}
	if draft, err = draft.clean(); err == nil {
		_, err = draft.parts(info)
	}
	if err != nil {
		return sms.Inspection{}, fmt.Errorf("preview: %w", err)
	}
	return sms.Inspect(info.spell(draft.Text), info.maxText()), nil
}

// spell returns a text as the channel sends it.
func (c *channelInfo) spell(text string) string {
	if c.channel.Transliterate {
		return sms.Transliterate(text)
	}
	return text
}

// TextReport is what sending an automatic text takes. What its variables stand for is known only when it is sent, so it is
// told for three cases.
type TextReport struct {
	Variables []string `json:"variables,omitempty"` // that it names, each once
	// Shortest is without any value but the channel's name.
	Shortest sms.Inspection `json:"shortest"`
	// Typical is with a name of twelve letters, and an opening within the week.
	Typical sms.Inspection `json:"typical"`
	// Longest is with names of 60 letters that GSM-7 lacks, which make the text UCS-2: a customer or an agent may be called so.
	Longest sms.Inspection `json:"longest"`
}

// ReportText tells what an automatic text takes on a channel, and what is wrong with it: the error is the [ValidationError]
// that [Desk.PutChannel] would give it, with the field "text". It asks nobody, and is for every key stroke.
func (d *Desk) ReportText(ctx context.Context, channelID, text string) (TextReport, error) {
	info, err := d.e.snap.channel(ctx, d.workspace, channelID)
	if err != nil {
		return TextReport{}, fmt.Errorf("report text: %w", err)
	}
	if err := checkAutoText("text", text); err != nil {
		return TextReport{}, fmt.Errorf("report text: %w", err)
	}
	pieces, err := parseTemplate(channel.Clean(text))
	if err != nil {
		return TextReport{}, fmt.Errorf("report text: %w", err)
	}
	var out TextReport
	for _, p := range pieces {
		if p.name != "" && !strings.Contains(" "+strings.Join(out.Variables, " ")+" ", " "+p.name+" ") {
			out.Variables = append(out.Variables, p.name)
		}
	}
	inspect := func(person, opening string) sms.Inspection {
		name := info.channel.Name()
		values := map[string]string{VarContact: person, VarChannel: name, VarAgent: person, VarNextOpen: opening}
		if person == "" {
			values[VarAgent] = name
		}
		return sms.Inspect(info.spell(render(pieces, values)), info.maxText())
	}
	typical, longest := openingSamples(info.channel.Language)
	out.Shortest = inspect("", "")
	out.Typical = inspect("Maria Garcia", typical)
	out.Longest = inspect(strings.Repeat("Ő", maxValue), longest)
	return out, nil
}
