"use strict";
const report = JSON.parse(document.getElementById("report-data").textContent);
document.title = report.run.name;
