package console

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
)

type channelsPage struct {
	Channels  []channelRow
	Providers []providerRow
}

type channelRow struct {
	livedesk.Channel
	Number   channel.Address
	Provider string // its title
	Members  int
	Health   livedesk.Health
}

type providerRow struct{ Name, Title string }

func (c *console) showChannels(w http.ResponseWriter, r *http.Request, s *session) error {
	channels, err := c.Desk.Channels(r.Context())
	if err != nil {
		return err
	}
	healths, err := c.Desk.AllHealth(r.Context())
	if err != nil {
		return err
	}
	health := map[string]livedesk.Health{}
	for _, h := range healths {
		health[h.Channel] = h
	}
	var p channelsPage
	for _, ch := range channels {
		members, err := c.Desk.Members(r.Context(), ch.ID)
		if err != nil {
			return err
		}
		p.Channels = append(p.Channels, channelRow{ch, c.channelNumber(ch), c.title(ch.Provider), len(members), health[ch.ID]})
	}
	for _, name := range c.Engine.Providers() {
		p.Providers = append(p.Providers, providerRow{name, c.title(name)})
	}
	c.render(w, r, s, http.StatusOK, "channels", p)
	return nil
}

// title returns what a provider is called; its id where it isn't in Config.Providers any more.
func (c *console) title(provider string) string {
	form, err := c.Engine.Form(provider)
	if err != nil {
		return provider
	}
	return form.Title.EN
}

// channelPage is one channel: its settings, who answers on it, and its connection.
type channelPage struct {
	livedesk.Channel
	Number   channel.Address
	Provider string
	Webhook  string
	Modes    []modeRow
	Agents   []memberRow
	Health   livedesk.Health
	Problem  map[string]string // by field of the settings
	Setup    setupForm         // the connection's fields

	GreetingSize string // what it takes to send
}

type modeRow struct {
	Mode        livedesk.Mode
	Label, Help string
}

type memberRow struct {
	ID, Name string
	On       bool
}

var modes = []modeRow{
	{livedesk.LeastLoaded, "Least loaded", "the agent on line with the fewest conversations"},
	{livedesk.ShareLoaded, "Least loaded by share", "the agent with the smallest share of their capacity in use"},
	{livedesk.RoundRobin, "Round robin", "in even turn, whatever the capacity"},
	{livedesk.RoundRobinCapped, "Round robin within capacity", "in even turn among those with room"},
}

func (c *console) showChannel(w http.ResponseWriter, r *http.Request, s *session) error {
	ch, err := c.Desk.Channel(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return c.channelForms(w, r, s, http.StatusOK, ch, nil, nil)
}

// channelForms shows a channel with its forms; settings and connection name what was wrong with them.
func (c *console) channelForms(w http.ResponseWriter, r *http.Request, s *session, status int, ch livedesk.Channel, settings, connection map[string]string) error {
	ctx := r.Context()
	p := channelPage{Channel: ch, Number: c.channelNumber(ch), Provider: c.title(ch.Provider), Modes: modes, Problem: settings}
	url, err := c.Desk.WebhookURL(ctx, ch.ID)
	if err != nil {
		return err
	}
	p.Webhook = carrierURL(ch.Provider, url)
	if p.Health, err = c.Desk.Health(ctx, ch.ID); err != nil {
		return err
	}
	if report, err := c.Desk.ReportText(ctx, ch.ID, ch.Greeting); err == nil && ch.Greeting != "" { // else the form says what is wrong
		p.GreetingSize = reportWord(report)
	}
	members, err := c.Desk.Members(ctx, ch.ID)
	if err != nil {
		return err
	}
	agents, err := c.Desk.Agents(ctx)
	if err != nil {
		return err
	}
	who := names(agents)
	for _, a := range agents {
		p.Agents = append(p.Agents, memberRow{a.ID, who[a.ID], slices.Contains(members, a.ID)})
	}
	if form, err := c.Engine.Form(ch.Provider); err == nil {
		p.Setup = newSetupForm(form, ch.Values, connection, language(r), ch.ID != "")
	}
	c.render(w, r, s, status, "channel", p)
	return nil
}

// carrierURL is what to paste into the carrier's console. Twilio tries again only where the URL's fragment says so.
func carrierURL(provider, url string) string {
	if provider == "twilio" {
		return url + "#rc=5&rp=all"
	}
	return url
}

func (c *console) saveSettings(w http.ResponseWriter, r *http.Request, s *session) error {
	ctx := r.Context()
	ch, err := c.Desk.Channel(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	shown := ch
	shown.Version, _ = strconv.ParseInt(r.PostFormValue("version"), 10, 64) // what the form was made of; 0 counts as any
	shown.Greeting = r.PostFormValue("greeting")
	shown.Language = r.PostFormValue("language")
	shown.Disabled = r.PostFormValue("disabled") == "true"
	shown.Assignment.Mode = livedesk.Mode(r.PostFormValue("mode"))
	shown.Assignment.Manual = r.PostFormValue("manual") == "true"
	if _, err := c.Desk.PutChannel(ctx, shown); err != nil {
		if problems := byField(err); len(problems) > 0 {
			return c.channelForms(w, r, s, statusOf(err), shown, problems, nil)
		}
		return err
	}
	if err := c.saveMembers(r, ch.ID); err != nil {
		return err
	}
	s.say("Saved.")
	http.Redirect(w, r, "/channels/"+ch.ID, http.StatusSeeOther)
	return nil
}

// saveMembers keeps the order of those who stay, and puts new ones behind them.
func (c *console) saveMembers(r *http.Request, channelID string) error {
	old, err := c.Desk.Members(r.Context(), channelID)
	if err != nil {
		return err
	}
	chosen := r.PostForm["member"]
	list := slices.DeleteFunc(old, func(id string) bool { return !slices.Contains(chosen, id) })
	for _, id := range chosen {
		if !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	return c.Desk.SetMembers(r.Context(), channelID, list)
}

func (c *console) removeChannel(w http.ResponseWriter, r *http.Request, s *session) error {
	if err := c.Desk.RemoveChannel(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	s.say("Channel removed. Its conversations stay.")
	http.Redirect(w, r, "/channels", http.StatusSeeOther)
	return nil
}
