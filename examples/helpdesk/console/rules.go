package console

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
	"github.com/livedesk/livedesk-go/sms"
)

// rulesPage is the routing rules of the workspace as their JSON, and a text to try them with. Whoever wants forms for
// them finds their fields in the schema.
type rulesPage struct {
	Version  string
	JSON     string
	Count    int
	Broken   []livedesk.BrokenRule
	Problems sms.FieldErrors
	Example  string
	Channels []livedesk.Channel
	Try      try
	Result   *decisionRow
	Labels   []string
	Priority routing.Priority
}

// try is the form of a text that nobody sent.
type try struct{ Channel, From, Text string }

// ruleExample is what the page shows to begin with.
const ruleExample = `[
  {
    "id": "billing",
    "name": "Invoices go to who knows billing, and speaks the customer's language",
    "order": 10,
    "condition": {"text": {"contains": ["invoice", "refund"]}},
    "targets": [{"kind": "humans", "skills": ["billing"], "language": "contact"}],
    "timeout": {"after_seconds": 600, "then": "next_tier"},
    "add_labels": ["billing"]
  },
  {
    "id": "complaints",
    "name": "Complaints go to Ada, or to the team support",
    "order": 20,
    "condition": {"text": {"keyword": ["complaint", "manager"]}},
    "targets": [{"kind": "agent", "id": "ada"}, {"kind": "team", "id": "support"}],
    "set_priority": 1
  }
]`

func (c *console) showRules(w http.ResponseWriter, r *http.Request, s *session) error {
	set, err := c.Desk.Rules(r.Context())
	if err != nil {
		return err
	}
	q := r.URL.Query()
	p := rulesPage{Version: set.Version, Count: len(set.Rules), Broken: set.Broken, Try: try{q.Get("channel"), q.Get("from"), q.Get("text")}}
	if len(set.Rules) > 0 {
		text, err := json.MarshalIndent(set.Rules, "", "  ")
		if err != nil {
			return err
		}
		p.JSON = string(text)
	}
	if p.Try.Channel != "" {
		if err := c.tryRules(r, &p); err != nil {
			return err
		}
	}
	return c.rulesForm(w, r, s, http.StatusOK, p)
}

// tryRules says where a text would go, without sending one.
func (c *console) tryRules(r *http.Request, p *rulesPage) error {
	out, err := c.Desk.Simulate(r.Context(), livedesk.Simulation{Channel: p.Try.Channel, From: channel.Address(p.Try.From), Text: p.Try.Text})
	if err != nil {
		if p.Problems = livedesk.FieldErrors(err); len(p.Problems) > 0 {
			return nil
		}
		return err
	}
	agents, err := c.Desk.Agents(r.Context())
	if err != nil {
		return err
	}
	row := newDecisionRow(out.Decision, nameIn(names(agents)))
	p.Result, p.Labels, p.Priority = &row, out.Labels, out.Priority
	return nil
}

func (c *console) rulesForm(w http.ResponseWriter, r *http.Request, s *session, status int, p rulesPage) (err error) {
	if p.Channels, err = c.Desk.Channels(r.Context()); err != nil {
		return err
	}
	p.Example = ruleExample
	c.render(w, r, s, status, "rules", p)
	return nil
}

func (c *console) saveRules(w http.ResponseWriter, r *http.Request, s *session) error {
	p := rulesPage{Version: r.PostFormValue("version"), JSON: r.PostFormValue("rules")}
	err := c.putRules(r, p)
	if errors.Is(err, livedesk.ErrConflict) {
		return c.rulesClash(w, r, s, p)
	}
	if p.Problems = livedesk.FieldErrors(err); len(p.Problems) > 0 {
		return c.rulesForm(w, r, s, http.StatusUnprocessableEntity, p)
	}
	if err != nil {
		return err
	}
	s.say("Rules saved. They count from now on.")
	http.Redirect(w, r, "/rules", http.StatusSeeOther)
	return nil
}

// rulesClash shows the rules that were typed while somebody else saved others, to be saved over those or not.
func (c *console) rulesClash(w http.ResponseWriter, r *http.Request, s *session, p rulesPage) error {
	set, err := c.Desk.Rules(r.Context())
	if err != nil {
		return err
	}
	p.Version = set.Version
	p.Problems = sms.FieldErrors{{Problem: "somebody else saved rules in the meantime. Below are yours; saving them again replaces theirs."}}
	return c.rulesForm(w, r, s, http.StatusConflict, p)
}

func (c *console) putRules(r *http.Request, p rulesPage) error {
	set := livedesk.RuleSet{Version: p.Version}
	if p.JSON != "" {
		var err error
		if set.Rules, err = routing.ParseRules([]byte(p.JSON)); err != nil {
			return err
		}
	}
	_, err := c.Desk.PutRules(r.Context(), set)
	return err
}

func showSchema(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/schema+json")
	_, _ = w.Write(routing.Schema())
}
