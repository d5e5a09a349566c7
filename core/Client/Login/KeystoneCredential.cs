using System.Text.Json.Nodes;

namespace GlanceGateway.Client;

/// <summary>Who logs in at a Keystone v3, and for which project. Not a record: its text must never show the secret.</summary>
public sealed class KeystoneCredential
{
    private readonly JsonObject _identity;

    private KeystoneCredential(JsonObject identity, string who) => (_identity, Who) = (identity, who);

    /// <summary>Who that is, for messages.</summary>
    public string Who { get; }

    /// <summary>The project; null for the one that comes with the credential.</summary>
    public KeystoneName? Project { get; private init; }

    /// <summary>A user with a password.</summary>
    public static KeystoneCredential OfPassword(KeystoneName user, string password, KeystoneName project)
    {
        var named = user.ToJson();
        named["password"] = password;
        return new KeystoneCredential(Method("password", new JsonObject { ["user"] = named }), $"user {user.Id ?? user.Name}") { Project = project };
    }

    /// <summary>An application credential, which is of one project.</summary>
    public static KeystoneCredential OfApplication(KeystoneName credential, string secret, KeystoneName? user)
    {
        JsonObject named = credential.Id is { } id ? new() { ["id"] = id } : new() { ["name"] = credential.Name };
        named["secret"] = secret;
        if (credential.Id is null && user is not null)
            named["user"] = user.ToJson();
        return new KeystoneCredential(Method("application_credential", named), $"application credential {credential.Id ?? credential.Name}");
    }

    /// <summary>A token, which is exchanged for one of a project, and for the catalogue.</summary>
    public static KeystoneCredential OfToken(string token, KeystoneName? project) =>
        new(Method("token", new JsonObject { ["id"] = token }), "the token") { Project = project };

    /// <summary>The body of the request (POST /v3/auth/tokens).</summary>
    internal string ToBody()
    {
        JsonObject auth = new() { ["identity"] = _identity.DeepClone() };
        if (Project is { } project)
            auth["scope"] = new JsonObject { ["project"] = project.ToJson() };
        return new JsonObject { ["auth"] = auth }.ToJsonString();
    }

    private static JsonObject Method(string name, JsonObject content) => new() { ["methods"] = new JsonArray(name), [name] = content };
}
