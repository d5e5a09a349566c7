using System.Text.Json.Nodes;

namespace GlanceGateway.Client;

/// <summary>A user, a project or an application credential: by id, or by a name within a domain.</summary>
/// <param name="Id">The id; wins over the name.</param>
/// <param name="Name">The name.</param>
/// <param name="DomainId">The domain of the name; wins over its name.</param>
/// <param name="DomainName">The domain's name; without both it is <c>default</c> by id, as the clients have it.</param>
public sealed record KeystoneName(string? Id = null, string? Name = null, string? DomainId = null, string? DomainName = null)
{
    internal JsonObject ToJson() => Id is not null
        ? new JsonObject { ["id"] = Id }
        : new JsonObject
        {
            ["name"] = Name,
            ["domain"] = DomainId is null && DomainName is not null ? new JsonObject { ["name"] = DomainName } : new JsonObject { ["id"] = DomainId ?? "default" },
        };
}
