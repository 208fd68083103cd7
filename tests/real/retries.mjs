// Sends one message with two attempts, by the client named: bare, ses (nodemailer's SES transport) or smtp (nodemailer).
import { SendEmailCommand, SESv2Client } from "@aws-sdk/client-sesv2";
import nodemailer from "nodemailer";

const [client] = process.argv.slice(2);
const sesClient = new SESv2Client({ region: process.env.AWS_REGION, endpoint: process.env.AT, maxAttempts: 2 });
const message = { from: "shop@example.com", to: "a@example.org", subject: "Hi", text: "Hello." };

async function send() {
  if (client === "bare") {
    const answer = await sesClient.send(
      new SendEmailCommand({
        FromEmailAddress: message.from,
        Destination: { ToAddresses: [message.to] },
        Content: { Simple: { Subject: { Data: message.subject }, Body: { Text: { Data: message.text } } } },
      }),
    );
    return answer.MessageId;
  }
  if (client === "ses") {
    const ses = nodemailer.createTransport({ SES: { sesClient, SendEmailCommand } });
    return (await ses.sendMail(message)).response;
  }
  const [host, port] = process.env.SMTP.split(":");
  const auth = { user: process.env.AWS_ACCESS_KEY_ID, pass: process.env.SMTP_PASSWORD };
  const smtp = nodemailer.createTransport({ host, port: Number(port), ignoreTLS: true, auth });
  return (await smtp.sendMail(message)).response;
}

try {
  console.log(JSON.stringify({ id: await send(), error: "" }));
} catch (error) {
  console.log(JSON.stringify({ id: "", error: String(error.responseCode ?? error.name) }));
}
