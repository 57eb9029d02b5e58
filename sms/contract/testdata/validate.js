// Asks Twilio's own package for Node about signatures. Reads one JSON document from stdin, a list of
//   {token, url, body, json, signature}
// and writes a list of {accepted, signature}: whether the package accepts the signature given, and what it would sign.
// Forms are parsed by Node's querystring, as Express does before it asks the package.
'use strict';

const path = require('path');
const querystring = require('querystring');
const twilio = require(path.join(process.argv[2], 'node_modules', 'twilio', 'lib', 'webhooks', 'webhooks.js'));

let input = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (chunk) => { input += chunk; });
process.stdin.on('end', () => {
  const answers = JSON.parse(input).map(({ token, url, body, json, signature }) => {
    if (json) {
      return {
        accepted: twilio.validateRequestWithBody(token, signature, url, body),
        signature: twilio.getExpectedTwilioSignature(token, url, {}),
      };
    }
    const params = querystring.parse(body, '&', '=', { maxKeys: 0 });
    return {
      accepted: twilio.validateRequest(token, signature, url, params),
      signature: twilio.getExpectedTwilioSignature(token, url, params),
    };
  });
  process.stdout.write(JSON.stringify(answers));
});
