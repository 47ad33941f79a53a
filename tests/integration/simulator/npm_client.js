// The life of a record by servicenow-rest-api, as its README has it; prints what each call gave, as JSON.
const ServiceNow = require("servicenow-rest-api");

const [host, user, password] = process.argv.slice(2);
const client = new ServiceNow(host, user, password);
const given = (call) => new Promise((resolve) => call(resolve));

(async () => {
  const made = await given((done) =>
    client.createNewTask({ short_description: "Disk is full", urgency: "1 - High" }, "incident", done));
  const changed = await given((done) =>
    client.UpdateTask("incident", made.number, { state: "In Progress" }, done));
  const listed = await given((done) =>
    client.getTableData(["number", "state"], [`number=${made.number}`], "incident", done));
  const gone = await given((done) => client.DeleteTask("incident", made.number, done));
  console.log(JSON.stringify({ made: made.urgency, changed: changed.state, listed, gone: gone.status }));
})();
