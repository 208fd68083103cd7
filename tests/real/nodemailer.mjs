// Sends by SMTP, and by the SES transport, with nodemailer.
import { SendEmailCommand, SESv2Client } from "@aws-sdk/client-sesv2";
import nodemailer from "nodemailer";
import { readFileSync } from "node:fs";

const [host, port] = process.env.SMTP.split(":");
const smtp = nodemailer.createTransport({
  host,
  port: Number(port),
  requireTLS: true,
  auth: { user: process.env.AWS_ACCESS_KEY_ID, pass: process.env.SMTP_PASSWORD },
  tls: { ca: readFileSync(process.env.CERTIFICATE) },
});
const message = {
  from: "Shop <shop@fernhill.test>",
  to: "success@simulator.amazonses.com",
  subject: "Grüße",
  text: "Hallo\n.\n..\nEnde",
  headers: { "X-SES-MESSAGE-TAGS": "client=nodemailer" },
  attachments: [{ filename: "a.txt", content: "x".repeat(200000) }],
};
const first = await smtp.sendMail(message);
const sesClient = new SESv2Client({ region: process.env.AWS_REGION ?? "us-east-1", endpoint: process.env.AT, maxAttempts: 1 });
const ses = nodemailer.createTransport({ SES: { sesClient, SendEmailCommand } });
const second = await ses.sendMail(message);
console.log(JSON.stringify({ response: first.response, id: second.messageId }));
