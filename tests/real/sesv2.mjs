// Reads the account, lists identities, sends and is refused, with AWS's own SDK for JavaScript.
import { GetAccountCommand, ListEmailIdentitiesCommand, SendEmailCommand, SESv2Client } from "@aws-sdk/client-sesv2";

const client = new SESv2Client({ region: process.env.AWS_REGION ?? "us-east-1", endpoint: process.env.AT, maxAttempts: 1 });
const account = await client.send(new GetAccountCommand({}));
const listed = await client.send(new ListEmailIdentitiesCommand({ PageSize: 10 }));
const letter = (to) =>
  new SendEmailCommand({
    FromEmailAddress: "Shop <shop@fernhill.test>",
    Destination: { ToAddresses: [to] },
    Content: { Simple: { Subject: { Data: "Grüße" }, Body: { Text: { Data: "Hallo" } } } },
    EmailTags: [{ Name: "client", Value: "javascript" }],
  });
const sent = await client.send(letter("success@simulator.amazonses.com"));
let refused = "";
try {
  await client.send(letter("stranger@example.org"));
} catch (error) {
  refused = error.name;
}
console.log(
  JSON.stringify({
    quota: account.SendQuota.Max24HourSend,
    identities: listed.EmailIdentities.map((each) => each.IdentityName),
    id: sent.MessageId,
    refused,
  }),
);
