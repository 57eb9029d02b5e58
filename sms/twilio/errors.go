package twilio

import (
	"time"

	"github.com/livedesk/livedesk-go/channel"
)

const (
	// codeQueueFull: the sender's queue holds the segments of ten hours. Twilio names no time to wait, and every text of the
	// sender would be refused likewise, so it is queueFullPause.
	codeQueueFull  = 21611
	queueFullPause = time.Minute
)

// codeReason is what one of Twilio's error codes means, [channel.ReasonNone] for one that says nothing about an
// outgoing text (debugger notes, inbound codes) or that we don't know. Twilio changes codes and adds new ones without
// notice, so the unknown ones fall back on the HTTP status or on the receipt's word.
// Source: twilio.com/docs/api/errors; the classes are ours.
func codeReason(code int) channel.Reason {
	switch code {
	case 20003: // authenticate: wrong credentials, deleted key, suspended account, wrong region
		return channel.ReasonCredentials
	case 20429, // too many concurrent requests: never processed
		20503: // service unavailable: Twilio advises to try again
		return channel.ReasonRetry
	case 21610, // opted out
		63014, 63033: // blocked by the user
		return channel.ReasonOptOut
	case 30036: // validity period over
		return channel.ReasonExpired
	case 20500, // internal error: Twilio says that a retry may send twice
		21619, // unable to create record
		30410: // the next carrier timed out; failed to avoid duplicates
		return channel.ReasonUnknown
	case 21211, 21612, 21614, 30004, 30005, 30006, 30011, 30640, 63003, 63024, 63032, 63036:
		return channel.ReasonRecipient
	case 14107, // more than 15 replies in 30 s
		21611, 30001, // queue full
		30003, 30008, // handset away; unknown
		30017, 30020, 30021, // carrier congestion; internal
		30022, 30023, 30027, // 10DLC rate and daily caps
		30450, 30610, // pumping protection; quiet hours
		35125,               // too many scheduled
		63009, 63010, 63012, // other channels: their provider is down
		63017, 63018, 63038: // other channels: rates and daily limits
		return channel.ReasonRetryLater
	case 11751, 21602, 21604, 21617, 21618, 21620, 21623, 21624, 21653, 21654, 21655, 21656, 21658,
		30007, 30010, 30019, 35111, 35114, 35126, 63005, 63013, 63016, 63019, 63021:
		return channel.ReasonContent
	case 20005, 20006, 20008, 20010, 20404, 21212, 21408, 21601, 21603, 21606, 21608, 21609, 21616, 21621, 21622,
		21657, 21664, 21666, 21667, 21701, 21702, 21703, 21704, 21705, 21711, 21712,
		30002, 30018, 30024, 30032, 30033, 30034, 30035, 35118, 63001, 63002, 63007, 63015:
		return channel.ReasonConfig
	}
	return channel.ReasonNone
}

// answerReason classifies the answer to a send by its code first and then by its status. told means that the answer
// had a Retry-After.
func answerReason(status, code int, told bool) channel.Reason {
	if status < 400 {
		return channel.ReasonUnknown // a redirect that wasn't followed, or nothing that HTTP knows
	}
	r := codeReason(code)
	switch {
	case (status == 401 || status == 403) && r == channel.ReasonConfig:
		return channel.ReasonCredentials // "access denied" and its kin: the channel is at fault
	case status >= 500 && code >= 30000 && r == channel.ReasonRetryLater:
		return channel.ReasonUnknown // a receipt's code doesn't prove that a broken server sent nothing
	case r != channel.ReasonNone:
		return r
	}
	return statusReason(status, told)
}

func statusReason(status int, told bool) channel.Reason {
	switch status {
	case 401, 403:
		return channel.ReasonCredentials
	case 404, 405, 406, 407, 410, 415:
		return channel.ReasonConfig
	case 408:
		return channel.ReasonUnknown
	case 413:
		return channel.ReasonContent
	case 429:
		return channel.ReasonRetry
	case 503:
		if told {
			return channel.ReasonRetry
		}
	}
	if status >= 500 {
		return channel.ReasonUnknown
	}
	return channel.ReasonOther
}

// receiptReason is what the code of a failed text means; a failure always has a reason.
func receiptReason(code int) channel.Reason {
	if r := codeReason(code); r != channel.ReasonNone {
		return r
	}
	return channel.ReasonOther
}
