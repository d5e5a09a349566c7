using System.Text.Json;
using CsCheck;
using GlanceGateway.Registry;

namespace GlanceGateway.Images.Tests;

/// <summary>Whatever JSON comes, an image stays one that the rules allow, and whatever is refused is refused in the rules' own words.</summary>
public sealed class RandomEditsTests
{
    private static readonly string[] baseNames =
        ["id", "name", "visibility", "protected", "os_hidden", "owner", "container_format", "disk_format", "min_ram", "min_disk", "tags"];

    private static readonly Gen<string> name = Gen.OneOf(
        Gen.OneOf(baseNames),
        Gen.OneOf(baseNames),
        Gen.OneOf("a", "b", "c", "os_distro", "kernel_id", "cinder_encryption_key_deletion_policy", "K", "é", "\U0001F600"),
        Gen.OneOf("status", "size", "checksum", "stores", "self", "locations", "location", "deleted", "os_glance_x", "os_hash_algo", "created_at"),
        Gen.OneOf("", " ", "a\0", "\ud800", new string('k', 255), new string('k', 256)),
        Gen.String[0, 5]);

    /// <summary>As raw JSON, so that half of a surrogate pair is possible too.</summary>
    private static readonly Gen<string> text = Gen.OneOf(
        Gen.OneOf("\"\"", "\"a\"", "\"public\"", "\"private\"", "\"shared\"", "\"community\"", "\"raw\"", "\"bare\"", "\"p-owner\"", "\"p-member\""),
        Gen.OneOf("\"\\u0000\"", "\"\\ud83d\"", "\"\\ude00\\ud83d\"", "\"\\ud83d\\ude00\"", "\"c0ffee00-0000-4000-8000-00006b031ca9\\n\""),
        Gen.Int[250, 260].Select(length => $"\"{string.Concat(Enumerable.Repeat("\\ud83d\\ude00", length))}\""),
        Gen.Int[250, 260].Select(length => $"\"{new string('x', length)}\""),
        Gen.Guid.Select(id => $"\"{id}\""),
        Gen.String[0, 8].Select(JsonString));

    private static readonly Gen<string> scalar = Gen.OneOf(
        text,
        text,
        Gen.OneOf("true", "false", "null", "0", "-1", "1.5", "1e3", "2147483647", "2147483648", "9223372036854775808", "1e400", "-0"),
        Gen.Int.Select(number => $"{number}"));

    private static readonly Gen<string> json = Gen.OneOf(
        scalar,
        scalar,
        scalar.List[0, 4].Select(items => $"[{string.Join(',', items)}]"),
        text.List[0, 4].Select(items => $"[{string.Join(',', items)}]"),
        Gen.Select(text, scalar, (key, value) => $"{{{key}:{value}}}"));

    /// <summary>Mostly of the right type, or hardly a sequence would get anywhere.</summary>
    private static readonly Gen<(string Name, string Json)> fitting = Gen.OneOf(
        Gen.Select(Gen.OneOf("name", "a", "b", "os_distro", "K", "owner"), text),
        Gen.Select(Gen.OneOf("min_ram", "min_disk"), Gen.Int.Select(number => $"{number}")),
        Gen.Select(Gen.OneOf("protected", "os_hidden"), Gen.OneOf("true", "false")),
        Gen.Select(Gen.Const("visibility"), Gen.OneOf("\"public\"", "\"private\"", "\"shared\"", "\"community\"")),
        Gen.Select(Gen.Const("tags"), text.List[0, 4].Select(items => $"[{string.Join(',', items)}]")));

    private static readonly Gen<(string Name, string Json)> attribute = Gen.OneOf(fitting, fitting, fitting, Gen.Select(name, json));

    private static readonly Gen<(EditOperation Operation, string Name, string Json, bool MustBeNew)> edit = Gen.Select(
        Gen.OneOf(EditOperation.Add, EditOperation.Add, EditOperation.Replace, EditOperation.Remove), attribute, Gen.Bool,
        (operation, what, mustBeNew) => (operation, what.Name, what.Json, mustBeNew));

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Nothing_but_refusals_and_nothing_but_valid_images()
    {
        await using var world = await ImageWorld.OpenAsync();
        var accepted = 0;
        await Gen.Select(attribute.List[0, 4], edit.List[1, 3].List[1, 8], Gen.Bool).SampleAsync(
            async (created, patches, admin) =>
            {
                var caller = admin ? ImageWorld.Admin : ImageWorld.Owner;
                var image = await TryAsync(() => world.Images.Catalog.CreateAsync(
                    caller, [.. created.Select(a => new KeyValuePair<string, JsonElement>(a.Name, Parse(a.Json)))], Token)) ?? await world.CreateAsync(caller);
                AssertAllowed(image);
                foreach (var patch in patches)
                {
                    var edits = patch.Select(e => new ImageEdit(e.Operation, e.Name, null, e.Operation == EditOperation.Remove ? default : Parse(e.Json), e.MustBeNew));
                    if (await TryAsync(() => world.EditAsync(image, caller, [.. edits])) is not { } changed)
                    {
                        continue;
                    }

                    Interlocked.Increment(ref accepted);
                    Assert.Equal(image.Id, changed.Id);
                    Assert.True(admin || changed is { Owner: "p-owner", Visibility: not ImageVisibility.Public });
                    AssertAllowed(changed);
                }
            },
            iter: 600);
        Assert.InRange(accepted, 100, int.MaxValue);
    }

    private static void AssertAllowed(Image image)
    {
        Assert.Matches(@"\A[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\z", image.Id);
        Assert.Equal(ImageStatus.Queued, image.Status);
        Assert.True(Enum.IsDefined(image.Visibility));
        Assert.True(image is { MinDisk: >= 0, MinRam: >= 0, Size: null, Checksum: null, HashAlgorithm: null });
        Assert.True(image.Owner is null or { Length: > 0 });
        Assert.Equal(image.Tags.Distinct(StringComparer.Ordinal), image.Tags);
        Assert.Equal(image.Properties.DistinctBy(p => p.Key, StringComparer.Ordinal).Count(), image.Properties.Count);
        foreach (var property in image.Properties.Select(p => p.Key))
        {
            Assert.DoesNotContain(property, baseNames);
            Assert.DoesNotContain(property, (string[])["status", "size", "checksum", "stores", "self", "locations", "location", "deleted", "os_hash_algo", "created_at"]);
            Assert.False(property.StartsWith("os_glance", StringComparison.Ordinal) || property.Length == 0);
        }

        string?[] limited = [image.Name, image.Owner, .. image.Tags, .. image.Properties.Select(p => p.Key)];
        Assert.All(limited, value => Assert.InRange(value?.EnumerateRunes().Count() ?? 0, 0, 255));
        string?[] all = [.. limited, .. image.Properties.Select(p => p.Value)];

        // What could not be stored as given comes back as the replacement character; nothing here gives one.
        Assert.All(all, value => Assert.False(value?.AsSpan().ContainsAny('\0', '\ufffd') ?? false));
    }

    private static async Task<Image?> TryAsync(Func<Task<Image>> call)
    {
        try
        {
            return await call();
        }
        catch (ImageException)
        {
            return null;
        }
    }

    private static JsonElement Parse(string json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }

    private static string JsonString(string value) => JsonSerializer.Serialize(value.Replace("\ufffd", "", StringComparison.Ordinal));
}
