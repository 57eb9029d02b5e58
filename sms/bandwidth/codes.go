package bandwidth

import "github.com/livedesk/livedesk-go/channel"

// reasonOf returns what an errorCode of message-failed means for the text. The codes are those of Bandwidth's errors
// page (dev.bandwidth.com/docs/messaging/errors); what we make of each is our own judgement. 4701 and 4702
// (destination or subscriber unavailable) and the volume codes are 4xxx by number but passing by nature. 5630, 9902
// and 9999 say that nobody confirmed, which is not the same as not delivered.
func reasonOf(code int) channel.Reason {
	switch code {
	case 4303, 4350, 4404, 4406, 4408, 4409, 4420, 4434, 4482, 4492, 4700, 4720, 4721, 4730, 4753, 4754,
		4772, 4790:
		return channel.ReasonRecipient
	case 4475, 4775:
		return channel.ReasonOptOut
	case 4301, 4410, 4411, 4412, 4435, 4470, 4710, 4711, 4712, 4735, 4751, 4752, 4770, 4771:
		return channel.ReasonContent
	case 4001, 4302, 4401, 4403, 4405, 4407, 4421, 4431, 4432, 4433, 4451, 4452, 4476, 4481, 4493, 4740,
		4773, 4774, 4791, 4792, 4793, 4795:
		return channel.ReasonConfig
	case 4360, 4794:
		return channel.ReasonExpired
	case 4701, 4702, 4780, 4781, 4785, 5100, 5101, 5106, 5111, 5201, 5211, 5220, 5231, 5500, 5501, 5600,
		5610, 5611, 5620, 5650, 5999:
		return channel.ReasonRetryLater
	case 5630, 9902, 9999:
		return channel.ReasonUnknown
	case 4750:
		return channel.ReasonOther
	}
	return reasonByDigits(code)
}

// reasonByDigits reads a code that is new to us by Bandwidth's scheme: the first digit is 4 for the sender's fault, 5
// for a failing service and 9 for an open outcome.
func reasonByDigits(code int) channel.Reason {
	switch code / 1000 {
	case 5:
		return channel.ReasonRetryLater
	case 9:
		return channel.ReasonUnknown
	}
	return channel.ReasonOther
}
