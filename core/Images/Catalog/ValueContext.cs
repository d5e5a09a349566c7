using System.Text.Json.Serialization;

namespace GlanceGateway.Images;

/// <summary>Source-generated JSON: reflection would pin the load context of a plugin for ever.</summary>
[JsonSerializable(typeof(string[]))]
internal sealed partial class ValueContext : JsonSerializerContext;
