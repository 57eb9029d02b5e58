package main

import (
	"context"

	"github.com/livedesk/livedesk-go/hours"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// team answers on a new desk.
var team = []livedesk.Agent{
	{ID: "ada", Name: "Ada Okafor", Capacity: 3},
	{ID: "ben", Name: "Ben Larsen", Capacity: 3},
	{ID: "chloe", Name: "Chloé Martin", Capacity: 2, Skills: []string{"billing"}, Languages: []string{"fr", "en"}},
}

// frenchInvoices goes by words, since nobody knows yet which language a new customer speaks. After ten minutes anybody will do.
var frenchInvoices = routing.Rule{
	ID: "french-invoices", Name: "French invoices", Order: 10,
	Condition: routing.Condition{Text: &routing.Text{Keyword: []string{"facture", "factures", "remboursement", "rembourser", "prélèvement"}}},
	Targets:   []routing.Target{{Kind: routing.ToHumans, Skills: []string{"billing"}, Language: "fr"}},
	Timeout:   routing.Timeout{AfterSeconds: 600, Then: routing.NextTier},
}

// officeHours are those of one channel, which goes on by night all the same: rules may ask for them, and who tries the console
// finds something to change.
var officeHours = livedesk.Schedule{ID: "office", Name: "Office hours", Hours: hours.Schedule{
	Zone:       "America/New_York",
	Week:       hours.MondayToFriday(hours.Slot{From: "09:00", To: "12:30"}, hours.Slot{From: "13:30", To: "18:00"}),
	Exceptions: []hours.Exception{{Date: "12-25", Name: "Christmas"}, {Date: "01-01", Name: "New Year"}},
}}

// seed puts a team, business hours, and with simulated carriers a channel on each and a rule, into a desk that has no agents
// yet.
func seed(ctx context.Context, desk *livedesk.Desk, simulated bool) error {
	agents, err := desk.Agents(ctx)
	if err != nil || len(agents) > 0 {
		return err
	}
	if _, err := desk.PutSchedule(ctx, officeHours); err != nil {
		return err
	}
	if simulated {
		// The team comes last: a first start that was interrupted before it is done again.
		if err := seedChannels(ctx, desk); err != nil {
			return err
		}
		if _, err := desk.PutRule(ctx, frenchInvoices); err != nil {
			return err
		}
	}
	ids := make([]string, len(team))
	for i, a := range team {
		ids[i] = a.ID
		if _, err := desk.PutAgent(ctx, a); err != nil {
			return err
		}
		// Without end, so that the desk works by itself tomorrow too; a host sets a time that its browsers renew.
		if err := desk.SetPresence(ctx, a.ID, livedesk.Online, 0); err != nil {
			return err
		}
	}
	channels, err := desk.Channels(ctx)
	if err != nil {
		return err
	}
	for _, c := range channels {
		if err := desk.SetMembers(ctx, c.ID, ids); err != nil {
			return err
		}
	}
	return nil
}

func seedChannels(ctx context.Context, desk *livedesk.Desk) error {
	there, err := desk.Channels(ctx)
	if err != nil || len(there) > 0 {
		return err
	}
	for _, c := range []livedesk.Channel{
		{
			Provider: twilio.Name,
			Values: twilio.Setup{
				Name: "Support", PhoneNumber: smstest.TwilioNumber,
				AccountSID: smstest.TwilioAccountSID, AuthToken: sms.NewSecret(smstest.TwilioAuthToken),
			}.Values(),
			Greeting: "Hi, this is Northwind Support. An agent will be with you shortly.",
		},
		{
			Provider: bandwidth.Name,
			Values: bandwidth.Setup{
				Name: "Deliveries", PhoneNumber: smstest.BandwidthNumber,
				AccountID: smstest.BandwidthAccountID, ApplicationID: smstest.BandwidthApplicationID,
				APIKey: sms.NewSecret(smstest.BandwidthClientID), APISecret: sms.NewSecret(smstest.BandwidthClientSecret),
				WebhookUser: sms.NewSecret(smstest.BandwidthWebhookUser), WebhookPassword: sms.NewSecret(smstest.BandwidthWebhookPassword),
			}.Values(),
			Greeting:   "Northwind Deliveries here. We have your text and answer as soon as we can.",
			Assignment: livedesk.Assignment{Mode: livedesk.RoundRobinCapped},
			Schedule:   officeHours.ID,
		},
	} {
		c.AIAgents = botNames() // in use once somebody switches them on
		if _, err := desk.PutChannel(ctx, c); err != nil {
			return err
		}
	}
	return nil
}
